import { parseEntry } from '../proxy/policy/allowlist.js';
import type { NetworkSpec, NetworkType } from './job.js';
import { isRecord } from './known-keys.js';
import { type PathSegment, type Problems, quote } from './problem.js';

const TYPES: ReadonlyMap<string, NetworkType> = new Map([
  ['none', 'None'],
  ['default', 'Default'],
  ['host', 'Host'],
  ['full', 'Host'],
  ['http', 'HTTP'],
  ['bridge', 'Bridge'],
]);

/** A network type in any letter case, white space around it allowed; undefined where it is none. Absent is `Default`. */
function parseNetworkType(value: unknown): NetworkType | undefined {
  if (value === undefined || value === null) return 'Default';
  return typeof value === 'string' ? TYPES.get(value.trim().toLowerCase()) : undefined;
}

interface NetworkOptions {
  /** Ports below 1024 that the operator lets a job name. */
  readonly allowPorts?: readonly number[];
}

/**
 * Reads the Network of a task. Domains are allowed with HTTP only, HTTP needs at least one, and each must be an entry
 * that the egress proxy can enforce.
 */
export function parseNetwork(
  value: unknown,
  options: NetworkOptions,
  path: readonly PathSegment[],
  problems: Problems,
): NetworkSpec {
  const fail = (segments: readonly PathSegment[], problem: string) =>
    problems.add([...path, ...segments], problem);

  if (value === undefined || value === null) return { type: 'Default', domains: [] };
  if (!isRecord(value)) {
    fail([], 'must be a mapping of fields');
    return { type: 'None', domains: [] };
  }

  const type = parseNetworkType(value.Type);
  if (type === undefined)
    fail(['Type'], `unknown network type ${quote(value.Type)}: None, Default, Host, HTTP or Bridge`);

  const domains: string[] = [];
  const list = value.Domains ?? [];
  if (!Array.isArray(list)) {
    fail(['Domains'], 'must be a list of domains');
  } else {
    for (const [index, item] of list.entries()) {
      if (typeof item !== 'string') {
        fail(['Domains', index], `must be text, not ${quote(item)}`);
        continue;
      }
      const entry = parseEntry(item, options.allowPorts ? { allowPorts: options.allowPorts } : {});
      if (entry.ok) domains.push(entry.value.text);
      else fail(['Domains', index], entry.problem);
    }
    if (type === 'HTTP' && list.length === 0) {
      fail(['Domains'], 'HTTP networking needs at least one domain: name it, or set Type to None');
    }
    if (type !== undefined && type !== 'HTTP' && list.length > 0) {
      fail(
        ['Domains'],
        `domains are for HTTP networking only, not for ${type}: set Type to HTTP, or drop them`,
      );
    }
  }
  return { type: type ?? 'None', domains };
}
