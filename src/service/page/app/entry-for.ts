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

/** Whether a policy has an entry by now, or a wider one. */
export function isCovered(entry: string, domains: ReadonlySet<string>): boolean {
  const parts = entry.replace(/^\./, '').split('.');
  return domains.has(entry) || parts.some((_part, index) => domains.has(`.${parts.slice(index).join('.')}`));
}
