import type { Job } from './job.js';

export interface Verdict {
  readonly shouldBid: boolean;
  /** One line for the requester. */
  readonly reason: string;
}

/** One question of admission. Rules of your own implement this and go into {@link AdmissionConfig.rules}. */
export interface Rule {
  /** Names the rule in explanations and logs. */
  readonly name: string;
  /** Asks a program or a server, which takes time. */
  readonly probe?: boolean;
  /** Throwing refuses the job. */
  decide(job: Job): Verdict | Promise<Verdict>;
  /** Ends what the rule has open. */
  close?(): void | Promise<void>;
}

/** What one rule said. */
export interface RuleAnswer extends Verdict {
  readonly rule: string;
}

/** An acceptance in the reference's words: `accept('that need no network')`. */
export function accept(jobs: string): Verdict {
  return { shouldBid: true, reason: `this node does accept jobs ${jobs}` };
}

/** A refusal in the reference's words. */
export function refuse(jobs: string): Verdict {
  return { shouldBid: false, reason: `this node does not accept jobs ${jobs}` };
}

/** Some of a list for a reason, and how many more there are. */
export function listed(items: readonly string[]): string {
  const shown = items.slice(0, 20).join(', ');
  return items.length > 20 ? `${shown} and ${items.length - 20} more` : shown;
}
