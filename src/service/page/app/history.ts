import type { GatewayFigures, History } from './server-types.js';

/** Bit/s, over time. */
export interface Rates {
  /** Seconds since 1970, each the end of its step. */
  readonly times: number[];
  readonly up: number[];
  readonly down: number[];
}

/** What a server remembers, and what came since. */
export function ratesOf(history: History | undefined, live: Rates = NONE): Rates {
  if (!history) return live;
  const times = timesOf(history);
  const last = times.at(-1) ?? 0;
  const from = live.times.findIndex((time) => time > last);
  const since =
    from < 0 ? NONE : { times: live.times.slice(from), up: live.up.slice(from), down: live.down.slice(from) };
  return {
    times: [...times, ...since.times],
    up: [...history.up, ...since.up],
    down: [...history.down, ...since.down],
  };
}

const NONE: Rates = { times: [], up: [], down: [] };
const MINUTE = 60;

/** Decisions by the minute. */
export function minutesOf(history: History | undefined) {
  const minutes = new Map<number, { allowed: number; denied: number }>();
  if (history) {
    timesOf(history).forEach((time, index) => {
      const minute = Math.floor((time - history.step / 1000) / MINUTE) * MINUTE;
      const sum = minutes.get(minute) ?? { allowed: 0, denied: 0 };
      sum.allowed += history.allowed[index] ?? 0;
      sum.denied += history.denied[index] ?? 0;
      minutes.set(minute, sum);
    });
  }
  return {
    // Their middles.
    times: [...minutes.keys()].map((minute) => minute + MINUTE / 2),
    allowed: [...minutes.values()].map(({ allowed }) => allowed),
    denied: [...minutes.values()].map(({ denied }) => denied),
  };
}

function timesOf({ from, step, up }: History): number[] {
  const first = new Date(from).getTime();
  return up.map((_value, index) => (first + (index + 1) * step) / 1000);
}

/** So many moments of a second are kept: what is older is in the history by then. */
const KEPT = 90;

/** And so many are now. */
export const NOW = 3;

/** Rates of a gateway by what its figures say, second by second. */
export class LiveRates {
  rates: Rates = NONE;
  readonly #kept: number;
  #last: { readonly time: number; readonly up: number; readonly down: number } | undefined;

  constructor(kept = KEPT) {
    this.#kept = kept;
  }

  /** @param time ms since 1970. */
  add(time: number, { up, down }: Pick<GatewayFigures, 'up' | 'down'>): void {
    const last = this.#last;
    this.#last = { time, up, down };
    if (!last || time <= last.time) return;
    const per = (bytes: number) => Math.max(0, (bytes * 8_000) / (time - last.time));
    const add = (list: number[], value: number) => [...list, value].slice(-this.#kept);
    const { rates } = this;
    this.rates = {
      times: add(rates.times, time / 1000),
      up: add(rates.up, per(up - last.up)),
      down: add(rates.down, per(down - last.down)),
    };
  }

  /** bit/s, of the last seconds. */
  get now(): { readonly up: number; readonly down: number } | undefined {
    const { up, down } = this.rates;
    if (up.length === 0) return undefined;
    const mean = (list: readonly number[]) => {
      const some = list.slice(-NOW);
      return some.reduce((sum, one) => sum + one, 0) / some.length;
    };
    return { up: mean(up), down: mean(down) };
  }
}
