import type { DirectPorts } from '../../proxy/listeners.js';
import { Allowlist } from '../../proxy/policy/allowlist.js';
import type { Logger } from '../../proxy/policy/logger.js';
import type { EgressPolicy } from '../../proxy/policy/policy.js';

/** What every gateway has for programs that know of no proxy, beside the ports of entries. */
const USUAL: readonly number[] = [80, 443];
const NAMES = 53;
/** Exact names for a container's own table: a longer one slows all its look-ups down. */
const MAX_HOSTS = 100;

interface PortsOptions {
  /** Ports of entries that there is room for. */
  readonly most: number;
  /** Ports of the gateway's address that are taken. */
  readonly taken: (port: number) => boolean;
  readonly logger?: Logger | undefined;
}

/** The ports that a job's entries name, beyond the usual ones; those that cannot be had are told to the log. */
export function entryPorts({ job, operator }: EgressPolicy, { most, taken, logger }: PortsOptions): number[] {
  const { entries } = Allowlist.parse(job.allow, { allowPorts: operator.allowPorts });
  const named = new Set(entries.flatMap(({ port }) => (port === undefined ? [] : [port])));
  const wanted = [...named].filter((port) => !USUAL.includes(port));
  const had = wanted.filter((port) => port !== NAMES && !taken(port)).slice(0, most);
  const left = wanted.filter((port) => !had.includes(port));
  if (left.length > 0) {
    logger?.warn(
      { job: job.job, ports: left.slice(0, 20) },
      'ports of entries that programs reach by the proxy only',
    );
  }
  return had;
}

/** The names of a job's list, for a container's own table: without what is below dot entries. */
export function exactNames({ job, operator }: EgressPolicy): string[] {
  const { entries } = Allowlist.parse(job.allow, { allowPorts: operator.allowPorts });
  const names = entries.flatMap(({ host, kind }) => (kind === 'name' ? [host] : []));
  return [...new Set<string>(names)].slice(0, MAX_HOSTS);
}

/** Each of the usual ports and those of entries, with an own one. */
export function directPorts(
  names: number,
  own: { readonly http: number; readonly https: number },
  entries: readonly (readonly [port: number, own: number])[],
): DirectPorts {
  return { names, ports: [[80, own.http], [443, own.https], ...entries] };
}
