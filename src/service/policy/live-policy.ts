import { createHash } from 'node:crypto';
import { type Budget, formatBudget, isLargerBudget } from '../../../proxy/policy/budget.js';
import type { JobPolicy } from '../../../proxy/policy/policy.js';

/** What a job may reach while its gateway is open. Times are ms since 1970. */
export interface LivePolicy {
  /** From 1, one more with each change. */
  readonly revision: number;
  /** In their canonical spelling, each once. */
  readonly allow: readonly LiveEntry[];
  /** Refused whatever `allow` has; canonical as well. */
  readonly deny: readonly string[];
  /** bit/s in each direction; null is unlimited. */
  readonly rate: number | null;
  /** The job's own. */
  readonly budget?: Budget | null;
  /** When the gateway closes. */
  readonly expires?: number;
}

export interface LiveEntry {
  readonly domain: string;
  /** When it is an entry no more. */
  readonly expires?: number;
}

/** What one policy has that the one before had not. */
export interface PolicyDifference {
  /** New ones, and those whose end is another. */
  readonly added: readonly { readonly domain: string; readonly expires?: string }[];
  readonly removed: readonly string[];
  readonly denied: readonly string[];
  readonly undenied: readonly string[];
  /** Where it is another one. */
  readonly rate?: number | null;
  /** Where it is another one; the job's own, not the node's. */
  readonly budget?: string;
  /** Where it is another one; null: never. */
  readonly expires?: string | null;
}

const END = Number.POSITIVE_INFINITY;

/** That a gateway is opened with. */
export function openingPolicy({ allow, deny = [], rate, budget }: JobPolicy): LivePolicy {
  return {
    revision: 1,
    allow: [...new Set(allow)].map((domain) => ({ domain })),
    deny: [...deny],
    rate,
    ...(budget && { budget }),
  };
}

/** The same for a proxy, which knows of no ends. */
export function jobPolicyOf(
  ids: Pick<JobPolicy, 'job' | 'execution' | 'name' | 'learn'>,
  { allow, deny, rate, budget }: LivePolicy,
): JobPolicy & { readonly deny: readonly string[] } {
  const { job, execution, name, learn } = ids;
  return {
    job,
    ...(execution !== undefined && { execution }),
    ...(name !== undefined && { name }),
    allow: allow.map(({ domain }) => domain),
    deny,
    rate,
    ...(budget && { budget }),
    ...(learn && { learn }),
  };
}

/** Names a policy: its number, and what is in it, since a change that was not kept gives its number to the next. */
export function revisionOf({ revision, allow, deny, rate, budget, expires }: LivePolicy): string {
  const text = JSON.stringify([
    allow.map((entry) => [entry.domain, entry.expires]),
    deny,
    rate,
    expires,
    formatBudget(budget),
  ]);
  return `${revision}-${createHash('sha256').update(text).digest('hex').slice(0, 12)}`;
}

/** Whether one lets anything through, or for longer, that the other does not. Of two ways to say the same: yes. */
export function isWider(than: LivePolicy, one: LivePolicy): boolean {
  const known = new Map(than.allow.map(({ domain, expires = END }) => [domain, expires]));
  const denied = new Set(one.deny);
  return (
    one.allow.some(({ domain, expires = END }) => expires > (known.get(domain) ?? 0)) ||
    than.deny.some((entry) => !denied.has(entry)) ||
    isLargerBudget(than.budget, one.budget) ||
    (one.rate ?? END) > (than.rate ?? END) ||
    (one.expires ?? END) > (than.expires ?? END)
  );
}

/** Without the entries that have ended by then; the same where there are none. */
export function withoutEnded(policy: LivePolicy, now: number): LivePolicy {
  const allow = policy.allow.filter(({ expires = END }) => expires > now);
  return allow.length === policy.allow.length ? policy : { ...policy, revision: policy.revision + 1, allow };
}

/** When something of it ends next. */
export function nextEnd({ allow, expires = END }: LivePolicy): number {
  return allow.reduce((next, entry) => Math.min(next, entry.expires ?? END), expires);
}

/** @returns undefined where nothing is another. */
export function difference(before: LivePolicy, after: LivePolicy): PolicyDifference | undefined {
  const [old, now] = [before, after].map(
    ({ allow }) => new Map(allow.map((one) => [one.domain, one.expires])),
  );
  const [refused, refuses] = [new Set(before.deny), new Set(after.deny)];
  const found = {
    added: after.allow
      .filter(({ domain, expires }) => !old?.has(domain) || old.get(domain) !== expires)
      .map(({ domain, expires }) => ({ domain, ...(expires !== undefined && { expires: text(expires) }) })),
    removed: before.allow.map(({ domain }) => domain).filter((domain) => !now?.has(domain)),
    denied: after.deny.filter((entry) => !refused.has(entry)),
    undenied: before.deny.filter((entry) => !refuses.has(entry)),
    ...(before.rate !== after.rate && { rate: after.rate }),
    ...(formatBudget(before.budget) !== formatBudget(after.budget) && { budget: formatBudget(after.budget) }),
    ...(before.expires !== after.expires && {
      expires: after.expires === undefined ? null : text(after.expires),
    }),
  };
  const isSame = Object.values(found).every((one) => Array.isArray(one) && one.length === 0);
  return isSame ? undefined : found;
}

const text = (time: number) => new Date(time).toISOString();
