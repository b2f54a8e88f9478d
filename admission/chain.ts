import type { Job } from './job.js';
import { type Rule, type RuleAnswer, refuse, type Verdict } from './rule.js';

/** Asks the rules in order: the first refusal is the answer; otherwise all reasons, joined. Never throws. */
export async function decideByRules(rules: readonly Rule[], job: Job): Promise<Verdict> {
  const reasons: string[] = [];
  for (const rule of rules) {
    const verdict = await ask(rule, job);
    if (!verdict.shouldBid) return verdict;
    if (verdict.reason !== '') reasons.push(verdict.reason);
  }
  return { shouldBid: true, reason: reasons.join('; ') };
}

/** The verdict that an explanation amounts to. */
export function verdictOf(answers: readonly RuleAnswer[]): Verdict {
  const refusal = answers.find(({ shouldBid }) => shouldBid === false);
  if (refusal) return { shouldBid: false, reason: refusal.reason };
  const reasons = answers.map(({ reason }) => reason).filter((reason) => reason !== '');
  return { shouldBid: true, reason: reasons.join('; ') };
}

/** Asks every rule, for a person who wants to see them all. Probes are spared once a rule has refused. */
export async function explainByRules(rules: readonly Rule[], job: Job): Promise<RuleAnswer[]> {
  const answers: RuleAnswer[] = [];
  let refused = false;
  for (const rule of rules) {
    if (rule.probe && refused) {
      answers.push({
        rule: rule.name,
        shouldBid: undefined,
        reason: 'not asked: an earlier rule refuses the job',
      });
      continue;
    }
    const { shouldBid, reason } = await ask(rule, job);
    refused ||= !shouldBid;
    answers.push({ rule: rule.name, shouldBid, reason });
  }
  return answers;
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
