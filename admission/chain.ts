import type { Job } from './job.js';
import { type Rule, type RuleAnswer, refuse, type Verdict } from './rule.js';

/** Asks every rule, in order. Never throws. */
export async function explainByRules(rules: readonly Rule[], job: Job): Promise<RuleAnswer[]> {
  const answers: RuleAnswer[] = [];
  for (const rule of rules) answers.push({ rule: rule.name, ...(await ask(rule, job)) });
  return answers;
}

/** What the answers amount to, as the reference (1.4 and later) has it: all refusals joined, or else all reasons. */
export function verdictOf(answers: readonly RuleAnswer[]): Verdict {
  const refusals = answers.filter(({ shouldBid }) => !shouldBid);
  const said = refusals.length > 0 ? refusals : answers;
  const reasons = said.map(({ reason }) => reason).filter((reason) => reason !== '');
  return { shouldBid: refusals.length === 0, reason: reasons.join('; ') };
}

async function ask(rule: Rule, job: Job): Promise<Verdict> {
  try {
    const verdict = await rule.decide(job);
    // Only a plain true accepts, whatever a rule of somebody's own returns.
    if (verdict?.shouldBid === true) return { shouldBid: true, reason: String(verdict.reason ?? '') };
    return {
      shouldBid: false,
      reason: String(verdict?.reason ?? '') || refuse(`that its rule ${rule.name} refuses`).reason,
    };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return refuse(`while its rule ${rule.name} fails: ${message}`);
  }
}
