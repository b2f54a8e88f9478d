import type { Below } from '../soak/runner.js';
import { mutatedText } from './mutate-text.js';

const NAMES = [
  'Network',
  'Type',
  'Domains',
  'Tasks',
  'Job',
  'Spec',
  'spec',
  'Engine',
  'Env',
  'Meta',
  'ID',
  '<<',
];
const VALUES = [
  ...[
    null,
    true,
    0,
    -1,
    1.5,
    2 ** 53,
    '',
    ' ',
    'HTTP',
    'http',
    'None',
    'Host',
    'Full',
    'Default',
    'Bridge',
    '*',
  ],
  ...[
    '.com',
    'example.com.',
    'EXAMPLE.com:443',
    '127.0.0.1',
    '[::1]:80',
    'docker',
    '~',
    'no',
    '0x1f',
    '1e3',
    '1_0',
  ],
  ...[[], {}, [null], { Type: 'HTTP' }, ['a.example.com']],
];

type Json = unknown;
const isRecord = (value: Json): value is Record<string, Json> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A JSON text with a few of its values, names or parts changed: still JSON, mostly; as any text else. */
export function mutatedJson(pool: readonly string[], below: Below): string {
  const text = pool[below(pool.length)] ?? '';
  if (below(4) === 0) return mutatedText(pool, below);
  let value: Json;
  try {
    value = JSON.parse(text);
  } catch {
    return mutatedText(pool, below);
  }
  for (let edits = 1 + below(3); edits > 0; edits--) value = edited(value, below);
  const written = JSON.stringify(value, null, below(3) === 0 ? 1 : 0);
  return below(3) === 0 ? mutatedText([written], below) : written;
}

function edited(value: Json, below: Below): Json {
  const keys = Array.isArray(value) ? [...value.keys()] : isRecord(value) ? Object.keys(value) : [];
  if (keys.length === 0 || below(8) === 0) {
    if (typeof value === 'string' && below(2) === 0)
      return mutatedText([value, 'Type', 'example.com'], below);
    if (isRecord(value)) return { ...value, [pick(NAMES, below)]: pick(VALUES, below) };
    return pick(VALUES, below);
  }
  const key = pick<string | number>(keys, below);
  if (Array.isArray(value)) {
    const at = key as number;
    const changed = below(6) === 0 ? [] : [edited(value[at], below), ...(below(8) === 0 ? [value[at]] : [])];
    return value.toSpliced(at, 1, ...changed);
  }
  // In the order that they had: what comes first is what some readers take.
  return Object.fromEntries(
    Object.entries(value as Record<string, Json>).flatMap(([name, one]) => {
      if (name !== key) return [[name, one]];
      const kind = below(10);
      if (kind === 0) return [];
      if (kind === 1)
        return [
          [name, one],
          [otherCase(name, below), edited(one, below)],
        ];
      if (kind === 2) return [[below(2) === 0 ? otherCase(name, below) : pick(NAMES, below), one]];
      return [[name, edited(one, below)]];
    }),
  );
}

/** Letters of the other case, and those that some readers fold to them. */
function otherCase(name: string, below: Below): string {
  const at = below(name.length);
  const letter = name.charAt(at);
  const folds: Record<string, string> = { k: '\u212a', K: '\u212a', s: '\u017f', S: '\u017f' };
  const other =
    folds[letter] !== undefined && below(2) === 0
      ? folds[letter]
      : letter === letter.toUpperCase()
        ? letter.toLowerCase()
        : letter.toUpperCase();
  return name.slice(0, at) + other + name.slice(at + 1);
}

function pick<T>(list: readonly T[], below: Below): T {
  return list[below(list.length)] as T;
}
