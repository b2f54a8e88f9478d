import { DENIALS, type DenialReason } from '../policy/denials.js';
import { type ClosedEvent, type DecisionEvent, EVENT_VERSION, type ProxyEvent } from '../report/events.js';
import { type HostFigures, MAX_HOSTS } from '../report/figures.js';
import type { LogLevel, PartialFigures, ProxyReport, Report } from './link.js';

/** Longest line of a worker, bytes: figures of all hosts that it tells apart. */
export const MAX_REPORT = 1 << 20;
const MAX_TEXT = 4_096;
const MAX_DESTINATION = 253;

type Said = Readonly<Record<string, unknown>>;

/**
 * Reads a line of a worker. A job may have taken it over, so nothing passes but what a worker can have to say: known
 * reasons (they are labels of metrics), numbers that are numbers, texts of a bounded length.
 *
 * @throws Error where it is anything else.
 */
export function readReport(line: string): Report {
  const said = object(JSON.parse(line));
  switch (said.is) {
    case 'beat':
      return { is: 'beat' };
    case 'broken':
      return { is: 'broken', message: text(said.message) };
    case 'dropped':
      return { is: 'dropped', count: number(said.count) };
    default:
      return readProxyReport(said);
  }
}

function readProxyReport(said: Said): ProxyReport {
  const id = number(said.id);
  switch (said.is) {
    case 'ready':
      return { id, is: 'ready', host: text(said.host), port: number(said.port) };
    case 'refused':
      return {
        id,
        is: 'refused',
        message: text(said.message),
        ...(said.code !== undefined && { code: text(said.code) }),
      };
    case 'event':
      return { id, is: 'event', event: event(object(said.event)) };
    case 'figures':
      return { id, is: 'figures', figures: figures(object(said.figures)) };
    case 'log':
      return {
        id,
        is: 'log',
        level: oneOf(LEVELS, said.level),
        fields: plain(object(said.fields)),
        message: text(said.message),
      };
    case 'lease':
    case 'give-back':
      return { id, is: said.is, destination: destination(said.destination), count: whole(said.count) };
    case 'spend':
      return {
        id,
        is: 'spend',
        direction: oneOf(['up', 'down'], said.direction),
        bytes: whole(said.bytes),
        ...(said.host !== undefined && { host: destination(said.host) }),
      };
    case 'changed':
      return { id, is: 'changed', number: number(said.number), cut: number(said.cut) };
    case 'closed':
      return { id, is: 'closed' };
    default:
      throw new Error('a report of no known kind');
  }
}

const LEVELS = ['debug', 'info', 'warn', 'error'] as const satisfies readonly LogLevel[];
const REASONS: readonly ('allowed' | DenialReason)[] = [
  'allowed',
  ...(Object.keys(DENIALS) as DenialReason[]),
];

/** Job and execution are not its to say. */
function event(said: Said): ProxyEvent {
  const base = {
    v: EVENT_VERSION,
    job: '',
    time: number(said.time),
    connection: number(said.connection),
    method: text(said.method),
    host: text(said.host),
    port: number(said.port),
    ms: number(said.ms),
  } as const;
  if (said.type === 'closed') {
    return {
      ...base,
      type: 'closed',
      kind: oneOf(['tunnel', 'request'], said.kind),
      up: number(said.up),
      down: number(said.down),
      reason: text(said.reason),
      ...(said.count !== undefined && { count: number(said.count) }),
    } satisfies ClosedEvent;
  }
  return {
    ...base,
    type: 'decision',
    client: text(said.client),
    how: oneOf(['proxy', 'direct', 'dns'], said.how),
    decision: oneOf(['allow', 'deny'], said.decision),
    reason: oneOf(REASONS, said.reason),
    ...(said.status !== undefined && { status: number(said.status) }),
    ...(said.learned !== undefined && { learned: true }),
    ...(said.address !== undefined && { address: text(said.address) }),
    ...(said.detail !== undefined && { detail: text(said.detail) }),
    ...(said.count !== undefined && { count: number(said.count) }),
  } satisfies DecisionEvent;
}

function figures(said: Said): PartialFigures {
  const throttled = object(said.throttledMs);
  return {
    up: number(said.up),
    down: number(said.down),
    connections: number(said.connections),
    tunnels: number(said.tunnels),
    requests: number(said.requests),
    allowed: number(said.allowed),
    denied: number(said.denied),
    throttledMs: { up: number(throttled.up), down: number(throttled.down) },
    ...(said.hosts !== undefined && { hosts: hosts(said.hosts) }),
  };
}

function hosts(said: unknown): HostFigures[] {
  // One more is for all others.
  if (!Array.isArray(said) || said.length > MAX_HOSTS + 1) throw new Error('not a list of hosts');
  return said.map(object).map(({ host, port, allowed, denied }) => ({
    host: text(host),
    port: number(port),
    allowed: number(allowed),
    denied: Object.fromEntries(
      Object.entries(object(denied)).map(([reason, count]) => [oneOf(REASONS, reason), number(count)]),
    ),
  }));
}

/** Names that are a line's own: the logger's, and the job's. */
const RESERVED = new Set([
  'level',
  'time',
  'msg',
  'pid',
  'hostname',
  'job',
  'execution',
  'event',
  '__proto__',
]);

/** Texts, numbers and booleans. */
function plain(said: Said): object {
  const fields: Record<string, string | number | boolean> = {};
  for (const [name, value] of Object.entries(said).slice(0, 20)) {
    if (RESERVED.has(name)) continue;
    if (typeof value === 'string') fields[name] = text(value);
    else if (typeof value === 'number' || typeof value === 'boolean') fields[name] = value;
  }
  return fields;
}

function object(value: unknown): Said {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error('not an object');
  return value as Said;
}

function text(value: unknown): string {
  if (typeof value !== 'string') throw new Error('not a text');
  return value.slice(0, MAX_TEXT);
}

/** An address or a name: each is remembered for a while. */
function destination(value: unknown): string {
  const said = text(value);
  if (said.length > MAX_DESTINATION) throw new Error('not a destination');
  return said;
}

/** One at least: nothing else uses up what a job may have. */
function whole(value: unknown): number {
  const said = number(value);
  if (!Number.isSafeInteger(said) || said === 0) throw new Error('not a number of what is wanted');
  return said;
}

function number(value: unknown): number {
  if (typeof value !== 'number' || !Number.isFinite(value) || value < 0) throw new Error('not a number');
  return value;
}

function oneOf<const T extends string>(words: readonly T[], value: unknown): T {
  const found = words.find((word) => word === value);
  if (found === undefined) throw new Error('not a known word');
  return found;
}
