import { fold } from './fold.js';
import { isRecord, KnownKeys, nearest, spellings, unknownField } from './known-keys.js';
import { type PathSegment, Problems } from './problem.js';

/** Before 1.4: `{APIVersion, Metadata, Spec}`; nodes sent `{node_id, job_id, spec}` to probes. */
export function isV1beta2(value: Record<string, unknown>): boolean {
  return spellings(value, 'Spec').length > 0 && spellings(value, 'Tasks').length === 0;
}

interface Translated {
  /** The job in the current shape, in which newer nodes show old jobs to their probes. */
  readonly spec: Record<string, unknown>;
  /** `Spec` or `spec`, as written. */
  readonly specKey: string;
  readonly ignored: readonly string[];
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

/**
 * Rewrites an old job into the current shape. Values are carried over as they are; the current schema judges them. An
 * absent Network is None: who speaks this form is older than 1.4, where it meant that.
 */
export function fromV1beta2(
  value: Record<string, unknown>,
  { purpose, problems }: { readonly purpose: 'admission' | 'run'; readonly problems: Problems },
): Translated {
  const outer = new Fields(value, [], problems);
  const specKey = outer.spelling('Spec') ?? 'Spec';
  const given = outer.get('Spec');
  if (!isRecord(given)) problems.add([specKey], 'must be a mapping of fields');
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
      problems.add([specKey, 'Deal', 'Concurrency'], 'one execution at a time: set it to 1');
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
          Network: spec.get('Network') ?? { Type: 'None' },
          ...(resources !== undefined && { Resources: resources }),
          ...(timeout !== undefined && { Timeouts: { ExecutionTimeout: timeout } }),
          ...(inputs !== undefined &&
            inputs !== null && {
              InputSources: Array.isArray(inputs)
                ? inputs.map((one, index) => input(one, [specKey, 'inputs', index], problems))
                : inputs,
            }),
        },
      ],
    },
    specKey,
    ignored: IGNORED.filter((key) => says(spec.get(key)) && !isDefault(key, spec.get(key))).map(
      (key) => `${specKey}.${spec.spelling(key)}`,
    ),
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
  if (isRecord(newer) && says(newer)) return newer;
  const type = spec.get('Engine') ?? 'docker';
  return { Type: typeof type === 'string' ? type.toLowerCase() : type, Params: spec.get('Docker') ?? {} };
}

// {StorageSource, SourcePath, ReadWrite, path}: one level, with the parameters beside the type.
function input(value: unknown, path: readonly PathSegment[], problems: Problems): unknown {
  if (!isRecord(value)) return value;
  const fields = new Fields(value, path, problems);
  const params = Object.entries(value).filter(
    ([key]) => !['storagesource', 'path', 'name'].includes(fold(key)),
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
  return isRecord(deal) ? Number(new Fields(deal, [], new Problems()).get('Concurrency') ?? 1) : 1;
}

/** What the reference's clients of that time filled in by themselves. */
function isDefault(key: string, value: unknown): boolean {
  if (typeof value === 'string') return /^(noop|estuary|unknown)$/i.test(value);
  const [only] = Array.isArray(value) ? value : [value];
  if (!isRecord(only)) return false;
  const fields = new Fields(only, [], new Problems());
  switch (key) {
    case 'PublisherSpec':
      return isDefault('Publisher', fields.get('Type') ?? '');
    case 'Deal':
      return Number(fields.get('Concurrency') ?? 1) <= 1 && !says(fields.others(['Concurrency']));
    case 'Outputs':
      return (value as unknown[]).length === 1 && fields.get('path') === '/outputs';
    default:
      return false;
  }
}

function says(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0;
  if (isRecord(value)) return Object.values(value).some(says);
  return value !== undefined && value !== null && value !== '' && value !== 0 && value !== false;
}

/** Fields by name in any letter case. */
class Fields {
  readonly #values = new Map<string, { written: string; value: unknown }>();
  readonly #problems: Problems;
  readonly #path: readonly PathSegment[];

  constructor(value: Record<string, unknown>, path: readonly PathSegment[], problems: Problems) {
    this.#path = path;
    this.#problems = problems;
    const keys = new KnownKeys(path, problems);
    for (const [written, item] of Object.entries(value)) {
      if (keys.take(written, fold(written))) this.#values.set(fold(written), { written, value: item });
    }
  }

  get(name: string): unknown {
    return this.#values.get(fold(name))?.value;
  }

  spelling(name: string): string | undefined {
    return this.#values.get(fold(name))?.written;
  }

  others(known: readonly string[]): Record<string, unknown> {
    const names = new Set(known.map(fold));
    const others = [...this.#values].filter(([name]) => !names.has(name));
    return Object.fromEntries(others.map(([, { written, value }]) => [written, value]));
  }

  refuseOthers(known: readonly string[]): void {
    const names = new Set(known.map(fold));
    for (const [name, { written }] of this.#values) {
      if (names.has(name)) continue;
      const near = this.#problems.isFull ? undefined : nearest(written, known);
      this.#problems.add([...this.#path, written], unknownField(near));
    }
  }
}
