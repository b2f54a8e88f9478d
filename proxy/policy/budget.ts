import type { Parsed } from './authority.js';
import { parseBytes } from './bytes.js';
import { PolicyError } from './policy-error.js';
import { formatRate, parseRate } from './rate.js';

/** `up`: from the job; `down`: to it. */
export type Direction = 'up' | 'down';

/** What a job may take in all, bytes at its side of the proxy. What is absent has no bound. */
export interface Budget {
  readonly up?: number;
  readonly down?: number;
  /** With each host. */
  readonly hostUp?: number;
  readonly hostDown?: number;
  /** Bit/s at which it goes on in a direction that is used up. Absent: its connections are cut, and no others opened. */
  readonly slow?: number;
}

const LIMITS = { up: 'up', down: 'down', 'host-up': 'hostUp', 'host-down': 'hostDown' } as const;
const NAMES = Object.keys(LIMITS) as (keyof typeof LIMITS)[];

const MAX_LENGTH = 300;
const HOW = 'write it as down=10GB,up=1GB,host-up=100MB, with then=slow:1mbit to go on slowly, or unlimited';

/** For texts of the API and of the configuration. */
export const BUDGET_SYNTAX = 'down=10GB,up=1GB,host-down=…,host-up=…,then=refuse|slow:RATE';

/**
 * Reads a budget: sizes by direction, `then=refuse` (what is meant where nothing is said) or `then=slow:RATE`; or
 * `unlimited`, which is null.
 */
export function parseBudget(text: string): Parsed<Budget | null> {
  const problem = (what: string) => ({ ok: false as const, problem: `budget ${show(text)}: ${what}` });
  if (text.length > MAX_LENGTH) return problem(`has more than ${MAX_LENGTH} characters`);
  if (text.trim().toLowerCase() === 'unlimited') return { ok: true, value: null };
  const budget: { -readonly [K in keyof Budget]: Budget[K] } = {};
  let then: string | undefined;
  for (const part of text.split(',')) {
    const at = part.indexOf('=');
    const name = part.slice(0, Math.max(0, at)).trim().toLowerCase();
    const value = part.slice(at + 1).trim();
    if (name === 'then') {
      if (then !== undefined) return problem('then is there twice');
      then = value.toLowerCase();
      continue;
    }
    if (!isLimit(name)) return problem(`${show(part)} is none of ${NAMES.join(', ')} and then: ${HOW}`);
    if (budget[LIMITS[name]] !== undefined) return problem(`${name} is there twice`);
    const bytes = parseBytes(value);
    if (!bytes || bytes > Number.MAX_SAFE_INTEGER)
      return problem(`${name} must be a size above zero, as 10GB or 500MiB`);
    budget[LIMITS[name]] = bytes;
  }
  if (Object.keys(budget).length === 0) return problem(`it bounds nothing: ${HOW}`);
  if (then?.startsWith('slow:')) {
    const rate = parseRate(then.slice('slow:'.length));
    if (!rate.ok) return problem(rate.problem);
    if (rate.value === null) return problem('slow needs a rate, as slow:1mbit');
    budget.slow = rate.value;
  } else if (then !== undefined && then !== 'refuse') {
    return problem(`then is refuse, or slow:RATE as slow:1mbit`);
  }
  return { ok: true, value: budget };
}

/** The text that `parseBudget` reads as this budget. */
export function formatBudget(budget: Budget | null | undefined): string {
  if (!budget) return 'unlimited';
  const limits = NAMES.filter((name) => budget[LIMITS[name]] !== undefined);
  const parts = limits.map((name) => `${name}=${budget[LIMITS[name]]}`);
  if (budget.slow !== undefined) parts.push(`then=slow:${formatRate(budget.slow)}`);
  return parts.join(',');
}

/** What holds where both do: of each limit the smaller, and to refuse rather than to go on. */
export function smallerBudget(a: Budget | null | undefined, b: Budget | null | undefined): Budget | null {
  if (!a || !b) return a ?? b ?? null;
  const limits = Object.values(LIMITS).flatMap((limit) => {
    const least = Math.min(a[limit] ?? Number.POSITIVE_INFINITY, b[limit] ?? Number.POSITIVE_INFINITY);
    return least === Number.POSITIVE_INFINITY ? [] : [[limit, least] as const];
  });
  const slow = a.slow !== undefined && b.slow !== undefined && { slow: Math.min(a.slow, b.slow) };
  return { ...Object.fromEntries(limits), ...slow };
}

/** Whether `one` lets anything pass that the other does not. */
export function isLargerBudget(than: Budget | null | undefined, one: Budget | null | undefined): boolean {
  return formatBudget(smallerBudget(than, one)) !== formatBudget(one);
}

/** Bytes; undefined: no bound. */
export function limitOf(budget: Budget | null, direction: Direction, of: 'job' | 'host'): number | undefined {
  if (of === 'job') return budget?.[direction];
  return direction === 'up' ? budget?.hostUp : budget?.hostDown;
}

/** @throws PolicyError for one that `parseBudget` would not give */
export function assertBudget(budget: Budget | null | undefined): void {
  if (!budget) return;
  const parsed = parseBudget(formatBudget(budget));
  if (!parsed.ok) throw new PolicyError(parsed.problem);
}

const isLimit = (name: string): name is keyof typeof LIMITS => Object.hasOwn(LIMITS, name);

const show = (text: string) => JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text);
