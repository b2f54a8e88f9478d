import { isRecord, nearest } from './known-keys.js';
import type { LocatedProblem, PathSegment } from './problem.js';

/** Before 1.4: `{APIVersion, Metadata, Spec}`; nodes sent `{node_id, job_id, spec}` to probes. */
export function isV1beta2(value: Record<string, unknown>): boolean {
  const keys = Object.keys(value).map((key) => key.toLowerCase());
  return keys.includes('spec') && !keys.includes('tasks');
}

export interface Translated {
  /** The job in the current shape, in which newer nodes show old jobs to their probes. */
  readonly spec: Record<string, unknown>;
  /** `Spec` or `spec`, as written. */
  readonly specKey: string;
  readonly ignored: readonly string[];
  readonly problems: readonly LocatedProblem[];
}

/** Old fields of Spec without a use here. */
const IGNORED = [
  'Annotations',
  'Deal',
  'DoNotTrack',
  'NodeSelectors',
  'Outputs',
  'Publisher',
  'PublisherSpec',
  'Verifier',
];
const KNOWN = [
  'Docker',
  'Engine',
  'EngineSpec',
  'Inputs',
  'Language',
  'Network',
  'Resources',
  'Timeout',
  'Wasm',
  ...IGNORED,
];

/** Rewrites an old job into the current shape. Values are carried over as they are; the current schema judges them. */
export function fromV1beta2(
  value: Record<string, unknown>,
  { purpose }: { readonly purpose: 'admission' | 'run' },
): Translated {
  const problems: LocatedProblem[] = [];
  const outer = new Fields(value, [], problems);
  const specKey = outer.spelling('Spec') ?? 'Spec';
  const given = outer.get('Spec');
  if (!isRecord(given)) problems.push({ segments: [specKey], problem: 'must be a mapping of fields' });
  const spec = new Fields(isRecord(given) ? given : {}, [specKey], problems);
  if (purpose === 'run') {
    spec.refuseOthers(KNOWN);
    outer.refuseOthers([
      'APIVersion',
      'Kind',
      'Metadata',
      'Spec',
      'Status',
      'node_id',
      'job_id',
      'execution_plan',
    ]);
    if (concurrency(spec) > 1) {
      problems.push({
        segments: [specKey, 'Deal', 'Concurrency'],
        problem: 'one execution at a time: set it to 1',
      });
    }
  }
  const metadata = outer.get('Metadata');
  const id = isRecord(metadata)
    ? new Fields(metadata, ['Metadata'], problems).get('ID')
    : outer.get('job_id');
  const timeout = spec.get('Timeout');
  const resources = spec.get('Resources');
  const inputs = spec.get('Inputs');

  return {
    spec: {
      ...(id !== undefined && { ID: id }),
      Type: 'batch',
      Tasks: [
        {
          // Where a node sends more, admission looks at it all the same.
          ...(purpose === 'admission' && spec.others(KNOWN)),
          ...(hasEngine(spec) && { Engine: engine(spec) }),
          ...(spec.get('Network') !== undefined && { Network: spec.get('Network') }),
          ...(resources !== undefined && { Resources: resources }),
          ...(timeout !== undefined && { Timeouts: { ExecutionTimeout: timeout } }),
          ...(inputs !== undefined &&
            inputs !== null && { InputSources: Array.isArray(inputs) ? inputs.map(input) : inputs }),
        },
      ],
    },
    specKey,
    ignored: IGNORED.filter((key) => says(spec.get(key))).map((key) => `${specKey}.${spec.spelling(key)}`),
    problems,
  };
}

/** A path in the translated spec, in the words of the old one. */
export function oldSegments(segments: readonly PathSegment[], specKey: string): PathSegment[] {
  const [first, , third, ...rest] = segments;
  if (first === 'ID') return ['Metadata', 'ID'];
  if (first !== 'Tasks') return [...segments];
  switch (third) {
    case 'Engine': {
      const [params, ...more] = rest;
      if (params === 'Params') return [specKey, 'Docker', ...more];
      return [specKey, 'Engine'];
    }
    case 'Timeouts':
      return [specKey, 'Timeout'];
    case 'InputSources':
      return [specKey, 'inputs', ...inputSegments(rest)];
    case undefined:
      return [specKey];
    default:
      return [specKey, third, ...rest];
  }
}

function inputSegments([index, ...rest]: readonly PathSegment[]): PathSegment[] {
  if (index === undefined) return [];
  if (rest[0] === 'Target') return [index, 'path'];
  if (rest[0] !== 'Source') return [index, ...rest];
  return rest[1] === 'Params' ? [index, ...rest.slice(2)] : [index, 'StorageSource'];
}

function hasEngine(spec: Fields): boolean {
  return ['Engine', 'EngineSpec', 'Docker'].some((key) => spec.get(key) !== undefined);
}

function engine(spec: Fields): unknown {
  const newer = spec.get('EngineSpec');
  if (isRecord(newer)) return newer;
  const type = spec.get('Engine') ?? 'docker';
  return { Type: typeof type === 'string' ? type.toLowerCase() : type, Params: spec.get('Docker') ?? {} };
}

// {StorageSource, SourcePath, ReadWrite, path}: one level, with the parameters beside the type.
function input(value: unknown): unknown {
  if (!isRecord(value)) return value;
  const fields = new Fields(value, [], []);
  const params = Object.entries(value).filter(
    ([key]) => !['storagesource', 'path', 'name'].includes(key.toLowerCase()),
  );
  const type = fields.get('StorageSource');
  return {
    Source: {
      ...(type !== undefined && {
        Type: typeof type === 'string' && /^localdirectory$/i.test(type) ? 'localDirectory' : type,
      }),
      Params: Object.fromEntries(params),
    },
    ...(fields.get('path') !== undefined && { Target: fields.get('path') }),
  };
}

function concurrency(spec: Fields): number {
  const deal = spec.get('Deal');
  return isRecord(deal) ? Number(new Fields(deal, [], []).get('Concurrency') ?? 1) : 1;
}

function says(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0;
  if (isRecord(value)) return Object.values(value).some(says);
  return value !== undefined && value !== null && value !== '' && value !== 0 && value !== false;
}

/** Fields by name in any letter case. Two spellings of one name are a problem. */
class Fields {
  readonly #values = new Map<string, { written: string; value: unknown }>();
  readonly #problems: LocatedProblem[];
  readonly #path: readonly PathSegment[];

  constructor(value: Record<string, unknown>, path: readonly PathSegment[], problems: LocatedProblem[]) {
    this.#path = path;
    this.#problems = problems;
    for (const [written, item] of Object.entries(value)) {
      const other = this.#values.get(written.toLowerCase());
      if (other)
        problems.push({
          segments: [...path, written],
          problem: `the same field as ${other.written}: write it once`,
        });
      else this.#values.set(written.toLowerCase(), { written, value: item });
    }
  }

  get(name: string): unknown {
    return this.#values.get(name.toLowerCase())?.value;
  }

  spelling(name: string): string | undefined {
    return this.#values.get(name.toLowerCase())?.written;
  }

  others(known: readonly string[]): Record<string, unknown> {
    const names = new Set(known.map((name) => name.toLowerCase()));
    const others = [...this.#values].filter(([name]) => !names.has(name));
    return Object.fromEntries(others.map(([, { written, value }]) => [written, value]));
  }

  refuseOthers(known: readonly string[]): void {
    const names = new Set(known.map((name) => name.toLowerCase()));
    for (const [name, { written }] of this.#values) {
      if (names.has(name)) continue;
      const near = nearest(written, known);
      this.#problems.push({
        segments: [...this.#path, written],
        problem: near ? `unknown field: did you mean ${near}?` : 'unknown field',
      });
    }
  }
}
