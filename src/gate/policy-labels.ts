import { ID_PATTERN } from '../../admission/job.js';
import { parseNetwork } from '../../admission/network-spec.js';
import { Problems, quote } from '../../admission/problem.js';
import { type Budget, parseBudget } from '../../proxy/policy/budget.js';
import { parseRate } from '../../proxy/policy/rate.js';
import type { Config } from '../config/load.js';
import { refuse } from './refusal.js';

/** What a container or a network asks to reach. */
export interface AskedPolicy {
  /** Entries in their canonical spelling; empty is no network. */
  readonly domains: readonly string[];
  /** bit/s in each direction; null is unlimited. */
  readonly rate: number | null;
  readonly budget?: Budget;
  readonly job?: string;
}

const KNOWN = [
  'jobgate.network',
  'jobgate.domains',
  'jobgate.rate',
  'jobgate.budget',
  'jobgate.job',
] as const;

/** Labels by which clients say what they need; others of ours are misspelt. @throws GateRefusal */
export function readPolicyLabels(labels: Readonly<Record<string, string>>, config: Config): AskedPolicy {
  const odd = Object.keys(labels).find((name) => /^jobgate\./i.test(name) && !KNOWN.includes(name as never));
  if (odd !== undefined) throw refuse(`label ${quote(odd)} is none of ${KNOWN.join(', ')}`);
  const network = labels['jobgate.network']?.trim().toLowerCase();
  if (network !== undefined && network !== 'none' && network !== 'http') {
    throw refuse(`label jobgate.network: ${quote(network)}: the gate has none and http`);
  }
  const named = labels['jobgate.domains']?.split(/[\s,]+/).filter((one) => one !== '');
  if (network === 'none' && named?.length) {
    throw refuse('labels jobgate.network=none and jobgate.domains contradict each other: keep one');
  }
  const domains = network === 'none' ? [] : (named ?? config.gate?.domains ?? []);
  if (network === 'http' && domains.length === 0) {
    throw refuse('label jobgate.network=http needs domains: --label jobgate.domains=example.com');
  }
  const budget = budgetOf(labels['jobgate.budget']);
  const job = labels['jobgate.job'];
  if (job !== undefined && !ID_PATTERN.test(job)) {
    throw refuse('label jobgate.job: an id is 1 to 128 letters, digits, dots, underscores or hyphens');
  }
  return {
    domains: entries(domains, config, 'label jobgate.domains'),
    rate: rateOf(labels['jobgate.rate'], config),
    ...(budget && { budget }),
    ...(job !== undefined && { job }),
  };
}

/** @throws GateRefusal where labels ask for a network that others have decided. */
export function assertNoPolicy(labels: Readonly<Record<string, string>>, why: string): void {
  const label = ['jobgate.network', 'jobgate.domains', 'jobgate.rate', 'jobgate.budget'].find(
    (name) => labels[name] !== undefined,
  );
  if (label !== undefined) throw refuse(`label ${label}: ${why}`);
}

/** Domains that a client asks for, in their canonical spelling. @param at where, for the refusal. @throws GateRefusal */
export function entries(domains: readonly string[], config: Config, at: string): readonly string[] {
  if (domains.length === 0) return [];
  const problems = new Problems();
  const spec = { Type: 'HTTP', Domains: domains };
  const parsed = parseNetwork(spec, { allowPorts: config.operator.allowPorts }, [], problems);
  const [first] = problems.first;
  if (first) throw refuse(`${at}: ${first.problem}`);
  return parsed.domains;
}

function rateOf(text: string | undefined, { rate: most }: Config): number | null {
  if (text === undefined) return most;
  const parsed = parseRate(text);
  if (!parsed.ok) throw refuse(`label jobgate.rate: ${parsed.problem}`);
  if (most === null || (parsed.value !== null && parsed.value <= most)) return parsed.value;
  throw refuse(`label jobgate.rate: this node gives at most ${most} bit/s in each direction`);
}

function budgetOf(text: string | undefined): Budget | null {
  if (text === undefined) return null;
  const parsed = parseBudget(text);
  if (!parsed.ok) throw refuse(`label jobgate.budget: ${parsed.problem}`);
  return parsed.value;
}
