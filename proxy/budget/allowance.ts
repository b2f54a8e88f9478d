import { TokenBucket } from '../rate/bucket.js';
import type { Clock } from '../util/clock.js';

export interface AllowanceOptions {
  /** Bytes that may pass, at most so many; fewer: there are no more. */
  readonly grant: (want: number) => Promise<number>;
  /** Bytes per second that the job is held to; null: none. */
  readonly rate: () => number | null;
  readonly clock: Clock;
  /** There is more: for who waits for it. */
  readonly onMore: () => void;
  /** There is no more, and somebody wants some. Once. */
  readonly onUsedUp: () => void;
}

/** What is granted at once is what passes in so long, ms, and at least and at most so many bytes. */
const GRANT_MS = 500;
const LEAST = 4_096;
const MOST = 67_108_864;
/** Where there is no rate, before one is measured, bytes. */
const FIRST = 65_536;
/** How often something comes of a budget that is used up and goes on slowly, ms. */
const TRICKLE_MS = 100;

/**
 * What may pass in one direction, of one limit: bytes that were granted and are counted already. More is asked for before
 * they end, so that nobody waits for it.
 */
export class Allowance {
  /** Bytes that may pass now; below 0 in debt, infinite where nothing is counted. */
  left = Number.POSITIVE_INFINITY;
  readonly #with: AllowanceOptions;
  /** Bit by bit, once it is used up: bytes per second. */
  #slow: number | undefined;
  #trickle: TokenBucket | undefined;
  #timer: unknown;
  /** How often it was bounded anew. */
  #bounds = 0;
  #pending: Promise<void> | undefined;
  #isLast = false;
  #isUsedUp = false;
  readonly #debtors: (() => void)[] = [];
  #passed = 0;
  #since: number;
  #size = FIRST;

  constructor(options: AllowanceOptions) {
    this.#with = options;
    this.#since = options.clock.now();
  }

  get isUsedUp(): boolean {
    return this.#slow === undefined && (this.#isUsedUp || (this.#isLast && this.left < 1));
  }

  /** From now on so many bytes are to be asked for; what was granted before is dropped. @param slow bytes per second */
  bound(isBounded: boolean, slow: number | undefined): void {
    this.close();
    this.#bounds++;
    this.#slow = slow;
    this.#trickle = undefined;
    this.#isLast = false;
    this.#isUsedUp = false;
    const debt = this.left === Number.POSITIVE_INFINITY ? 0 : Math.min(0, this.left);
    this.left = isBounded ? debt : Number.POSITIVE_INFINITY;
    this.#pending = undefined;
    this.#gain(0);
  }

  /**
   * Undefined where it has no debt; else what settles when that is granted. Never, where there is no more: then it is used
   * up, which is told.
   */
  debt(): Promise<void> | undefined {
    if (this.left >= 0) return undefined;
    return new Promise((resolve) => {
      this.#debtors.push(resolve);
      this.short();
    });
  }

  /** Asks for what may pass before anybody wants it; settles once it is known whether there is some. */
  async ready(): Promise<void> {
    if (this.left < 1 && !this.#isLast) await this.#ask();
  }

  /** Takes bytes, whether they are there or not. */
  take(bytes: number): void {
    if (this.left === Number.POSITIVE_INFINITY) return;
    this.left -= bytes;
    this.#passed += bytes;
    if (this.left < this.#size / 2 && !this.#isLast) void this.#ask();
  }

  /** Somebody wants more than there is. */
  short(): void {
    if (this.left >= 1) return;
    if (!this.#isLast) {
      void this.#ask();
      return;
    }
    const wasUsedUp = this.#isUsedUp;
    this.#isUsedUp = true;
    if (this.#slow !== undefined) this.#drip(this.#slow);
    else if (!wasUsedUp) queueMicrotask(this.#with.onUsedUp);
  }

  /** What it was for is cut: what is refused from now on is not counted. */
  lift(): void {
    this.left = Number.POSITIVE_INFINITY;
    this.#with.onMore();
  }

  close(): void {
    this.#with.clock.clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #ask(): Promise<void> {
    if (this.#pending) return this.#pending;
    const bounds = this.#bounds;
    const want = this.#sizeNow() + Math.max(0, Math.ceil(-this.left));
    this.#pending = this.#with.grant(want).then((granted) => {
      // Bounded anew meanwhile: that was of the bound before.
      if (bounds !== this.#bounds) return;
      this.#pending = undefined;
      if (granted < want) this.#isLast = true;
      this.#gain(granted);
    });
    return this.#pending;
  }

  /** About half a second's worth, at the rate that the job is held to, or had since it was last asked. */
  #sizeNow(): number {
    const { rate, clock } = this.#with;
    const perSecond = rate();
    const now = clock.now();
    if (perSecond !== null) this.#size = (perSecond * GRANT_MS) / 1000;
    else if (this.#passed > 0) {
      const elapsed = Math.max(1, now - this.#since);
      this.#size = Math.max(FIRST, (this.#passed * GRANT_MS) / elapsed);
    }
    this.#passed = 0;
    this.#since = now;
    this.#size = Math.ceil(Math.min(MOST, Math.max(LEAST, this.#size)));
    return this.#size;
  }

  #gain(bytes: number): void {
    this.left += bytes;
    this.#with.onMore();
    if (this.left >= 0) for (const debtor of this.#debtors.splice(0)) debtor();
    else this.short();
  }

  #drip(perSecond: number): void {
    if (this.#timer !== undefined) return;
    const { clock } = this.#with;
    this.#trickle ??= new TokenBucket(perSecond / 1000, (perSecond * 2 * TRICKLE_MS) / 1000, clock.now());
    const trickle = this.#trickle;
    this.#timer = clock.setTimeout(() => {
      this.#timer = undefined;
      const bytes = Math.floor(trickle.refill(clock.now()));
      trickle.take(bytes);
      this.#gain(bytes);
    }, TRICKLE_MS);
  }
}
