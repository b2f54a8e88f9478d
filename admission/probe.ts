import type { Job } from './job.js';
import { isRecord } from './known-keys.js';
import { type Rule, refuse, type Verdict } from './rule.js';
import { stringifyExact } from './stringify-exact.js';
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

export const DEFAULT_PROBE_LIMITS: ProbeLimits = { timeoutMs: 30_000, outputBytes: 65_536, concurrency: 16 };

/** What a probe's question needs: the job as the reference shows it, and when to give up. */
export interface ProbeRequest {
  /** `{"Job": <job spec>}` */
  readonly body: string;
  /** Aborted when the time is over, or admission closes. */
  readonly signal: AbortSignal;
  readonly outputBytes: number;
}

/**
 * A rule that asks a probe. Whatever keeps it from answering refuses the job. `question` throws with what went wrong,
 * worded to follow "its exec probe …".
 */
export function probeRule(
  name: string,
  limits: ProbeLimits,
  question: (request: ProbeRequest) => Promise<Verdict>,
): Rule & { close(): Promise<void> } {
  const turns = new Turns(limits.concurrency);
  const asking = new Map<AbortController, Promise<Verdict>>();
  return {
    name,
    probe: true,
    async decide(job) {
      if (!(await turns.take(limits.timeoutMs))) {
        return refuse(turns.closed ? CLOSING : `now: its ${name} is busy; try again later`);
      }
      const control = new AbortController();
      const answer = ask(job, control);
      asking.set(control, answer);
      try {
        return await answer;
      } finally {
        asking.delete(control);
        turns.release();
      }
    },
    async close() {
      turns.close();
      for (const control of asking.keys()) control.abort();
      await Promise.allSettled(asking.values());
    },
  };

  async function ask(job: Job, control: AbortController): Promise<Verdict> {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      control.abort();
    }, limits.timeoutMs);
    try {
      // A job that a program put together: a probe would take what it cannot see for nothing.
      if (!isRecord(job.spec)) throw new Error('cannot be asked: the job has no spec');
      const body = stringifyExact({ Job: job.spec });
      return await question({ body, signal: control.signal, outputBytes: limits.outputBytes });
    } catch (error) {
      if (late) return refuse(`while its ${name} does not answer within ${limits.timeoutMs / 1000} s`);
      if (turns.closed) return refuse(CLOSING);
      return refuse(`while its ${name} ${error instanceof Error ? error.message : String(error)}`);
    } finally {
      clearTimeout(timer);
    }
  }
}

const CLOSING = 'any more: it is closing';
const MAX_REASON = 1000;

/** A probe's own words, made fit for a reason: one line, nothing invisible, cut. */
export function spokenReason(text: string): string {
  const line = text.replaceAll(/[\p{C}\s]+/gu, ' ').trim();
  return line.length > MAX_REASON ? `${line.slice(0, MAX_REASON)}…` : line;
}
