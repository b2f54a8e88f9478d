import { type Budget, type Direction, limitOf } from '../policy/budget.js';
import { MAX_HOSTS, OTHER_HOST } from '../report/figures.js';
import { type Clock, systemClock } from '../util/clock.js';
import { Allowance } from './allowance.js';
import type { Grants } from './ledger.js';

export interface SpendingOptions {
  readonly budget: Budget | null;
  readonly grants: Grants;
  /** Bit/s that the job is held to in each direction; null: none. */
  readonly rate: () => number | null;
  /** The job's budget, or that for a host, is used up and somebody wants more: what is under way is to be cut. */
  readonly onUsedUp: (host: string | undefined) => void;
  readonly clock?: Clock;
}

/** What may pass in each direction. */
export type Allowances = Readonly<Record<Direction, Allowance>>;

/** What a job still may take: in all, and with each host. */
export class Spending {
  /** Called when there is more for who waits for it. */
  onMore: (direction: Direction) => void = () => {};
  readonly job: Allowances;
  readonly #hosts = new Map<string, Allowances>();
  readonly #with: SpendingOptions;
  readonly #clock: Clock;
  #budget: Budget | null;

  constructor(options: SpendingOptions) {
    this.#with = options;
    this.#clock = options.clock ?? systemClock;
    this.#budget = options.budget;
    this.job = this.#allowances(undefined);
    this.#bound(this.job, 'job');
  }

  /** Whether anything is bounded, so that all bytes have to be seen. */
  get isBounded(): boolean {
    return this.#budget !== null;
  }

  /** From now on, for what is under way as well. */
  set budget(budget: Budget | null) {
    this.#budget = budget;
    this.#bound(this.job, 'job');
    for (const host of this.#hosts.values()) this.#bound(host, 'host');
  }

  /** Settles once it is known what is used up, but after so many ms at most. */
  async ready(ms: number): Promise<void> {
    const all = [this.job, ...this.#hosts.values()].flatMap(({ up, down }) => [up.ready(), down.ready()]);
    let timer: unknown;
    const late = new Promise<void>((resolve) => {
      timer = this.#clock.setTimeout(resolve, ms);
    });
    await Promise.race([Promise.all(all), late]);
    this.#clock.clearTimeout(timer);
  }

  /** Of a host; undefined where none has a bound. Of those beyond 500 all together. */
  of(host: string): Allowances | undefined {
    if (this.#budget?.hostUp === undefined && this.#budget?.hostDown === undefined) return undefined;
    const key = this.#key(host);
    let found = this.#hosts.get(key);
    if (!found) {
      found = this.#allowances(key);
      this.#bound(found, 'host');
      this.#hosts.set(key, found);
    }
    return found;
  }

  /** Whether nothing is to be exchanged with a host any more. */
  isUsedUp(host: string): boolean {
    return isUsedUp(this.job) || isUsedUp(this.#hosts.get(this.#key(host)));
  }

  /** What it was for is cut: what is refused from now on passes uncounted. */
  lift(host: string | undefined): void {
    const allowances = host === undefined ? this.job : this.#hosts.get(this.#key(host));
    if (!isUsedUp(allowances)) return;
    allowances?.up.lift();
    allowances?.down.lift();
  }

  close(): void {
    for (const { up, down } of [this.job, ...this.#hosts.values()]) {
      up.close();
      down.close();
    }
  }

  #key(host: string): string {
    return this.#hosts.has(host) || this.#hosts.size < MAX_HOSTS ? host : OTHER_HOST;
  }

  #allowances(host: string | undefined): Allowances {
    const { grants, rate, onUsedUp } = this.#with;
    const make = (direction: Direction) =>
      new Allowance({
        grant: (want) => grants.grant(direction, want, host),
        rate: () => {
          const limit = rate();
          return limit === null ? null : limit / 8;
        },
        clock: this.#clock,
        onMore: () => this.onMore(direction),
        onUsedUp: () => onUsedUp(host),
      });
    return { up: make('up'), down: make('down') };
  }

  #bound(allowances: Allowances, of: 'job' | 'host'): void {
    const slow = this.#budget?.slow;
    for (const direction of ['up', 'down'] as const) {
      const limit = limitOf(this.#budget, direction, of);
      allowances[direction].bound(limit !== undefined, slow === undefined ? undefined : slow / 8);
    }
  }
}

function isUsedUp(allowances: Allowances | undefined): boolean {
  return allowances !== undefined && (allowances.up.isUsedUp || allowances.down.isUsedUp);
}
