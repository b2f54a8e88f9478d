import { Flow } from '../../../proxy/rate/flow.js';
import { Scheduler } from '../../../proxy/rate/scheduler.js';
import { tickerOf } from '../../../proxy/rate/ticker.js';
import type { Clock } from '../../../proxy/util/clock.js';

export interface Grant {
  readonly at: number;
  readonly bytes: number;
}

export function createScheduler(
  clock: Clock,
  { bytesPerSecond = 1_250_000, burst = 49_152 }: { bytesPerSecond?: number; burst?: number } = {},
): Scheduler {
  return new Scheduler({ bytesPerSecond, burst, clock, ticker: tickerOf(clock) });
}

/** Takes what it is given and writes it down. */
export class RecordingFlow extends Flow {
  readonly grants: Grant[] = [];
  total = 0;
  wasAborted = false;
  readonly clock: Clock;
  readonly scheduler: Scheduler;

  constructor(clock: Clock, scheduler: Scheduler) {
    super();
    this.clock = clock;
    this.scheduler = scheduler;
  }

  ask(bytes: number): void {
    this.scheduler.request(this, bytes);
  }

  override granted(bytes: number): void {
    this.grants.push({ at: this.clock.now(), bytes });
    this.total += bytes;
  }

  override aborted(): void {
    this.wasAborted = true;
  }
}

/** Always has another chunk, `gapMs` after the last one is through. */
export class BulkFlow extends RecordingFlow {
  readonly #chunk: number;
  readonly #gapMs: number;

  constructor(clock: Clock, scheduler: Scheduler, { chunk = 65_536, gapMs = 0 } = {}) {
    super(clock, scheduler);
    this.#chunk = chunk;
    this.#gapMs = gapMs;
    this.ask(chunk);
  }

  override granted(bytes: number): void {
    super.granted(bytes);
    if (this.want > 0) return;
    if (this.#gapMs === 0) this.ask(this.#chunk);
    else this.clock.setTimeout(() => this.ask(this.#chunk), this.#gapMs);
  }
}

/** Sends a small message at a time, and notes how long each took to pass. */
export class SmallFlow extends RecordingFlow {
  readonly latencies: number[] = [];
  #sentAt = 0;
  #whenPassed: (() => void) | undefined;

  send(bytes: number, whenPassed?: () => void): void {
    this.#sentAt = this.clock.now();
    this.#whenPassed = whenPassed;
    this.ask(bytes);
  }

  override granted(bytes: number): void {
    super.granted(bytes);
    if (this.want > 0) return;
    this.latencies.push(this.clock.now() - this.#sentAt);
    this.#whenPassed?.();
  }
}

/** The least burst with which a bucket of this rate (bytes per ms) would have allowed all of these grants. */
export function burstOf(grants: readonly Grant[], rate: number): number {
  let missing = 0;
  let most = 0;
  let last = grants[0]?.at ?? 0;
  for (const { at, bytes } of grants) {
    missing = Math.max(0, missing - (at - last) * rate) + bytes;
    most = Math.max(most, missing);
    last = at;
  }
  return most;
}

/** Smallest and largest number of bytes in any window of `windowMs` between `from` and `to`. */
export function windows(
  grants: readonly Grant[],
  windowMs: number,
  from: number,
  to: number,
): [number, number] {
  let least = Number.POSITIVE_INFINITY;
  let most = 0;
  const sums = [0];
  for (const { bytes } of grants) sums.push((sums.at(-1) as number) + bytes);
  /** Bytes granted before `time`. */
  const before = (time: number): number => {
    let low = 0;
    let high = grants.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((grants[middle] as Grant).at < time) low = middle + 1;
      else high = middle;
    }
    return sums[low] as number;
  };
  for (let start = from; start + windowMs <= to; start++) {
    const bytes = before(start + windowMs) - before(start);
    least = Math.min(least, bytes);
    most = Math.max(most, bytes);
  }
  return [least, most];
}

/** Jain's index: 1 when all are equal, 1/n when one has it all. */
export function fairness(totals: readonly number[]): number {
  const sum = totals.reduce((a, b) => a + b, 0);
  return sum ** 2 / (totals.length * totals.reduce((a, b) => a + b * b, 0));
}

export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN;
}
