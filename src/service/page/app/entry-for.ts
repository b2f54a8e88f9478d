import type { DenialReason } from '../../../../proxy/policy/denials.js';
import { remedyFor } from '../../../../proxy/policy/remedy.js';

interface Target {
  readonly host: string;
  readonly port: number;
}

/** The entry that lets a refused target through; undefined where none does, or the operator has to allow it as well. */
export function entryFor({ host, port }: Target, reasons: readonly string[]): string | undefined {
  const remedies = reasons.map((reason) => remedyFor({ host, port, reason: reason as DenialReason }));
  const [remedy] = remedies;
  if (!remedy || remedies.some((one) => one?.entry !== remedy.entry)) return undefined;
  return remedy.operator.length === 0 ? remedy.entry : undefined;
}

/**
 * The entry for a domain and all below it, of which several names were refused. A public suffix is a domain of its own
 * with no name below it, for what is below has other owners: it is never one.
 */
export function domainEntry(
  domain: string,
  hosts: readonly (Target & { readonly reasons: readonly string[] })[],
): string | undefined {
  const below = new Set(hosts.map(({ host }) => host).filter((host) => host !== domain));
  const entries = hosts.map((host) => entryFor(host, host.reasons));
  const isBare = entries.every((entry) => entry !== undefined && !entry.includes(':'));
  return isBare && below.size > 1 ? `.${domain}` : undefined;
}

/** Whether a policy has an entry by now, or a wider one. */
export function isCovered(entry: string, domains: ReadonlySet<string>): boolean {
  const parts = entry.replace(/^\./, '').split('.');
  return domains.has(entry) || parts.some((_part, index) => domains.has(`.${parts.slice(index).join('.')}`));
}
