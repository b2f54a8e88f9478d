import { performance } from 'node:perf_hooks';

/** Monotonic time and timers, so that everything about rates can be tested without waiting. */
export interface Clock {
  /** Milliseconds, never backwards, from an arbitrary start. */
  now(): number;
  setTimeout(callback: () => void, ms: number): unknown;
  clearTimeout(handle: unknown): void;
}

/** The clock of this process: CLOCK_MONOTONIC, which neither NTP nor an operator can move. */
export const systemClock: Clock = {
  now: () => performance.now(),
  setTimeout: (callback, ms) => setTimeout(callback, ms),
  clearTimeout: (handle) => clearTimeout(handle as NodeJS.Timeout),
};
