import { type Budget, formatBudget, parseBudget } from '../../proxy/policy/budget.js';
import { named } from '../../proxy/policy/job-name.js';
import { isOwnerRef, type OwnerKind, type OwnerRef } from './owner.js';

/**
 * What a network of ours says about itself, in its labels: enough to know whose it is and to open its gateway again.
 * Never the operator's part of the policy. Labels of *containers* are nowhere read: an image can forge them.
 */
export interface NetworkRecord {
  readonly owner: OwnerRef;
  /** What made it: a dead `run`'s is removed, a dead `serve`'s is opened again. */
  readonly kind: OwnerKind;
  readonly job: string;
  readonly execution?: string;
  /** See `JobPolicy.name`. */
  readonly name?: string;
  /** Allowlist entries, as the job declared them. */
  readonly allow: readonly string[];
  /** bit/s; null is unlimited. */
  readonly rate: number | null;
  /** The job's own. */
  readonly budget?: Budget | null;
  /** See `JobPolicy.learn`. */
  readonly learn?: boolean;
  /** Port of the gateway. */
  readonly port: number;
  readonly created: Date;
  /** The gate that made it for one of its clients: 12 hex digits. */
  readonly gate?: string;
  /** Several containers may be on it, and reach each other. */
  readonly shared?: boolean;
}

const LABEL_VERSION = '1';

/** Labels that begin so are ours alone. */
export const PREFIX = 'io.jobgate.';
/** Present on every network of ours. */
export const VERSION_LABEL = `${PREFIX}version`;
/** On networks and volumes: the gate that made them. */
export const GATE_LABEL = `${PREFIX}gate`;

const MAX_ENTRIES = 10_000;

export function toLabels(record: NetworkRecord): Record<string, string> {
  const fields: Record<string, string> = {
    version: LABEL_VERSION,
    owner: record.owner.id,
    boot: record.owner.boot,
    netns: record.owner.netns,
    kind: record.kind,
    job: record.job,
    ...(record.execution !== undefined && { execution: record.execution }),
    ...(record.name !== undefined && { name: record.name }),
    allow: JSON.stringify(record.allow),
    rate: record.rate === null ? 'unlimited' : String(record.rate),
    ...(record.budget && { budget: formatBudget(record.budget) }),
    ...(record.learn && { learn: 'true' }),
    port: String(record.port),
    created: record.created.toISOString(),
    ...(record.gate !== undefined && { gate: record.gate }),
    ...(record.shared && { shared: 'true' }),
  };
  return Object.fromEntries(Object.entries(fields).map(([key, value]) => [PREFIX + key, value]));
}

/**
 * Reads labels again, trusting nothing in them.
 *
 * @returns undefined for a network that is not ours, or a sentence on what is wrong with one that claims to be.
 */
export function fromLabels(
  labels: Readonly<Record<string, unknown>> | null | undefined,
): NetworkRecord | string | undefined {
  const get = (key: string): unknown => labels?.[PREFIX + key];
  if (get('version') === undefined) return undefined;
  if (get('version') !== LABEL_VERSION) return 'its labels are of another version of jobgate';
  const owner = { id: get('owner'), boot: get('boot'), netns: get('netns') };
  if (!isOwnerRef(owner)) return 'its labels name no owner';
  const kind = get('kind');
  if (kind !== 'run' && kind !== 'serve') return 'its label kind is neither run nor serve';
  const job = get('job');
  const execution = get('execution');
  if (!isId(job) || (execution !== undefined && !isId(execution))) return 'its labels hold an invalid id';
  const allow = entries(get('allow'));
  if (!allow) return 'its label allow is not a list of entries';
  const rate = get('rate') === 'unlimited' ? null : integer(get('rate'), Number.MAX_SAFE_INTEGER);
  if (rate === undefined) return 'its label rate is not a number of bit/s';
  const budget = parseBudget(text(get('budget') ?? 'unlimited'));
  if (!budget.ok) return 'its label budget is none';
  const port = integer(get('port'), 65_535);
  if (port === undefined) return 'its label port is not a port';
  const created = date(get('created'));
  if (!created) return 'its label created is not a time';
  const learn = get('learn') === 'true' && { learn: true };
  const gate = get('gate');
  if (gate !== undefined && !isGateId(gate)) return 'its label gate is not the id of a gate';
  return {
    owner,
    kind,
    job,
    ...(execution !== undefined && { execution }),
    ...named(text(get('name'))),
    allow,
    rate,
    ...(budget.value && { budget: budget.value }),
    ...learn,
    port,
    created,
    ...(gate !== undefined && { gate }),
    ...(get('shared') === 'true' && { shared: true }),
  };
}

const text = (value: unknown) => (typeof value === 'string' ? value : '');

const isGateId = (value: unknown): value is string =>
  typeof value === 'string' && /^[0-9a-f]{12}$/.test(value);

const isId = (value: unknown): value is string =>
  typeof value === 'string' && /^[A-Za-z0-9._-]{1,128}$/.test(value);

function integer(value: unknown, max: number): number | undefined {
  if (typeof value !== 'string' || !/^[1-9]\d{0,15}$/.test(value)) return undefined;
  return Number(value) <= max ? Number(value) : undefined;
}

function date(value: unknown): Date | undefined {
  if (typeof value !== 'string' || !/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(value)) return undefined;
  const time = new Date(value);
  return Number.isNaN(time.getTime()) ? undefined : time;
}

// The grammar of an entry is the allowlist's business, which parses them once more; here only what one may look like.
function entries(value: unknown): string[] | undefined {
  if (typeof value !== 'string') return undefined;
  let list: unknown;
  try {
    list = JSON.parse(value);
  } catch {
    return undefined;
  }
  const fine = (entry: unknown) => typeof entry === 'string' && /^[\x21-\x7e]{1,300}$/.test(entry);
  return Array.isArray(list) && list.length <= MAX_ENTRIES && list.every(fine) ? list : undefined;
}
