import type { Job } from './job.js';
import { type Rule, refuse, type Verdict } from './rule.js';
import { Turns } from './turns.js';

/** Limits of a probe. */
export interface ProbeLimits {
  /** Time to answer, ms, and as long again to wait for a turn. */
  readonly timeoutMs: number;
  /** What the probe may say, bytes. */
  readonly outputBytes: number;
  /** Asked at once. */
  readonly concurrency: number;
}

/** What a probe's question needs: the job as the reference shows it, and when to give up. */
export interface ProbeRequest {
  /** `{"Job": <job spec>}` */
  readonly body: string;
  /** Aborted when the time is over, or admission closes. */
  readonly signal: AbortSignal;
  readonly outputBytes: number;
}

/**
 * A rule that asks a probe. Whatever keeps it from answering refuses the job: `question` throws with what went wrong,
 * worded to follow "its probe …".
 */
export function probeRule(
  name: string,
  limits: ProbeLimits,
  question: (request: ProbeRequest) => Promise<Verdict>,
): Rule & { close(): Promise<void> } {
  const turns = new Turns(limits.concurrency);
  const closing = new AbortController();
  const open = new Set<Promise<unknown>>();
  return {
    name,
    probe: true,
    async decide(job) {
      if (!(await turns.take(limits.timeoutMs, closing.signal))) {
        return refuse(
          closing.signal.aborted ? 'any more: it is closing' : `now: its ${name} is busy; try again later`,
        );
      }
      const asked = ask(job);
      open.add(asked);
      try {
        return await asked;
      } finally {
        open.delete(asked);
        turns.release();
      }
    },
    async close() {
      closing.abort();
      await Promise.allSettled(open);
    },
  };

  async function ask(job: Job): Promise<Verdict> {
    const timeout = AbortSignal.timeout(limits.timeoutMs);
    const signal = AbortSignal.any([timeout, closing.signal]);
    try {
      return await question({
        body: JSON.stringify({ Job: job.spec }),
        signal,
        outputBytes: limits.outputBytes,
      });
    } catch (error) {
      if (timeout.aborted)
        return refuse(`while its ${name} does not answer within ${limits.timeoutMs / 1000} s`);
      if (closing.signal.aborted) return refuse('any more: it is closing');
      return refuse(`while its ${name} ${error instanceof Error ? error.message : String(error)}`);
    }
  }
}

const MAX_REASON = 1000;

/** A probe's own words, made fit for a reason: one line, without control characters, cut. */
export function spokenReason(text: string): string {
  const line = text
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out.
    .replaceAll(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, ' ')
    .trim();
  return line.length > MAX_REASON ? `${line.slice(0, MAX_REASON)}…` : line;
}
