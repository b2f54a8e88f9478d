import type { Allowance } from '../budget/allowance.js';
import type { Clock } from '../util/clock.js';
import { TokenBucket } from './bucket.js';
import { type Flow, FlowList, type Lane } from './flow.js';
import { TICK_MS, type Ticked, type Ticker } from './ticker.js';

/** A slice smaller than this is not worth a write of its own, unless it is all that is asked for. */
const MIN_SLICE = 1_400;
/** Largest amount that bulk flows save up for, so that at high rates a chunk passes as soon as it comes. */
const MAX_BATCH = 32_768;
/** What a new flow may take in the sparse lane at low rates: a TLS handshake, or a small answer. */
const SMALL_EXCHANGE = 8_192;
/** A bulk flow that pauses for less than this (between two chunks, say) is not taken for a new one. */
const BULK_MEMORY_MS = 200;

interface SchedulerOptions {
  /** Bytes per second. */
  readonly bytesPerSecond: number;
  /** Bytes. */
  readonly burst: number;
  readonly clock: Clock;
  readonly ticker: Ticker;
  /** What may pass in all, however fast. Default: everything. */
  readonly allowance?: Pick<Allowance, 'left' | 'take' | 'short'>;
}

const BOUNDLESS: NonNullable<SchedulerOptions['allowance']> = {
  left: Number.POSITIVE_INFINITY,
  take: () => {},
  short: () => {},
};

/**
 * Shares one token bucket among the flows of one direction of one job.
 *
 * Two lanes. Flows that are new or take little (`sparse`) are served first and at once, each up to a credit (a
 * tick's worth, or 8 KiB) that refills at a quarter of the rate; where bulk flows wait, all sparse ones together get
 * at most half of the rate. All others (`bulk`) are served by deficit round robin, once a tick, and leave a quarter
 * of the burst in the bucket for the sparse. So a small answer waits neither for a tick nor for a round of downloads.
 */
export class Scheduler implements Ticked {
  /** Bytes granted since the start. */
  granted = 0;
  dueAt = Number.POSITIVE_INFINITY;
  readonly #clock: Clock;
  readonly #ticker: Ticker;
  readonly #bucket: TokenBucket;
  /** What sparse flows may still take while bulk flows wait. */
  readonly #precedence: TokenBucket;
  #reserve = 0;
  /** Smallest slice; the reserve must be able to hold one. */
  #slice = 0;
  #quantum = 0;
  #maxCredit = 0;
  /** Bulk flows are served when this much is there, or all they want: at a tick, and when one arrives. */
  #tickBatch = 0;
  #arrivalBatch = 0;
  readonly #sparse = new FlowList();
  readonly #bulk = new FlowList();
  readonly #allowance: NonNullable<SchedulerOptions['allowance']>;
  /** Those whose host has nothing left. */
  readonly #parked = new Set<Flow>();
  #serving = false;
  #closed = false;
  #waitingSince = Number.NaN;
  #waitedMs = 0;

  constructor({ bytesPerSecond, burst, clock, ticker, allowance = BOUNDLESS }: SchedulerOptions) {
    const rate = bytesPerSecond / 1000;
    const now = clock.now();
    this.#clock = clock;
    this.#ticker = ticker;
    this.#allowance = allowance;
    this.#bucket = new TokenBucket(rate, burst, now);
    this.#divide(rate, burst);
    this.#precedence = new TokenBucket(rate / 2, this.#reserve, now);
  }

  /** Another rate for what waits and what comes. */
  change({ bytesPerSecond, burst }: Pick<SchedulerOptions, 'bytesPerSecond' | 'burst'>): void {
    const rate = bytesPerSecond / 1000;
    const now = this.#clock.now();
    this.#divide(rate, burst);
    this.#bucket.change(rate, burst, now);
    this.#precedence.change(rate / 2, this.#reserve, now);
    for (const list of [this.#sparse, this.#bulk]) {
      for (let flow = list.head; flow; flow = flow.next) {
        flow.credit = Math.min(flow.credit, this.#maxCredit);
        flow.deficit = Math.min(flow.deficit, this.#quantum);
      }
    }
    if (!this.#serving) this.#serve(now, this.#arrivalBatch);
  }

  #divide(rate: number, burst: number): void {
    this.#reserve = Math.floor(burst / 4);
    this.#slice = Math.min(MIN_SLICE, this.#reserve);
    const bulkBurst = burst - this.#reserve;
    const tickful = Math.floor(rate * TICK_MS);
    this.#quantum = Math.min(Math.max(tickful, MIN_SLICE), bulkBurst);
    this.#maxCredit = Math.max(this.#quantum, Math.min(SMALL_EXCHANGE, this.#reserve));
    this.#tickBatch = Math.min(Math.max(Math.floor(tickful / 2), MIN_SLICE), MAX_BATCH, bulkBurst);
    this.#arrivalBatch = Math.min(Math.max(tickful, MIN_SLICE), MAX_BATCH, bulkBurst);
  }

  /** Ms in which at least one flow waited for tokens, up to now. */
  get waitedMs(): number {
    return Number.isNaN(this.#waitingSince)
      ? this.#waitedMs
      : this.#waitedMs + (this.#clock.now() - this.#waitingSince);
  }

  /**
   * Asks for `bytes` in all, replacing what the flow asked for before. `flow.granted()` is called with parts of
   * them as they may pass, possibly before this returns.
   */
  request(flow: Flow, bytes: number): void {
    if (this.#closed) {
      flow.aborted();
      return;
    }
    if (bytes <= 0) {
      this.withdraw(flow);
      return;
    }
    if (flow.lane !== null) {
      this.#list(flow.lane).want += bytes - flow.want;
      flow.want = bytes;
      return;
    }
    flow.want = bytes;
    if (flow.parked) return;
    const now = this.#clock.now();
    if (now < flow.bulkUntil) {
      // Its bytes ended before its turn did, and the next ones are here: the turn goes on.
      if (flow.deficit > 0) this.#bulk.unshift(flow, 'bulk');
      else this.#bulk.push(flow, 'bulk');
    } else {
      this.#refillCredit(flow, now);
      flow.deficit = 0;
      this.#sparse.push(flow, 'sparse');
    }
    if (!this.#serving) this.#serve(now, this.#arrivalBatch);
  }

  get urgent(): boolean {
    return this.#sparse.head !== null;
  }

  /** Takes the flow out: it wants nothing for now. */
  withdraw(flow: Flow): void {
    this.#unpark(flow);
    if (flow.lane === null) return;
    this.#unlink(flow);
    if (!this.#serving) this.#settle(this.#clock.now());
  }

  tick(): void {
    this.#serve(this.#clock.now(), this.#tickBatch);
  }

  /** What passes of a flow is for this host from now on, and so is what has passed while it was for none. */
  countFor(flow: Flow, host: Allowance | undefined): void {
    if (host) host.take(flow.hostless);
    flow.hostless = 0;
    flow.host = host;
    if (this.#unpark(flow)) this.request(flow, flow.want);
  }

  /** There may be more than there was of what may pass in all, or with a host. */
  more(): void {
    for (const flow of this.#parked) {
      if (flow.host === undefined || flow.host.left >= 1) {
        this.#unpark(flow);
        this.request(flow, flow.want);
      } else flow.host.short();
    }
    if (!this.#serving) this.#serve(this.#clock.now(), this.#arrivalBatch);
  }

  /** Takes bytes that passed elsewhere, whether they are there or not. @param host where they came from */
  charge(bytes: number, host?: Allowance): void {
    const now = this.#clock.now();
    this.#bucket.refill(now);
    this.#bucket.take(bytes);
    this.#allowance.take(bytes);
    host?.take(bytes);
    if (!this.#serving) this.#settle(now);
  }

  get inDebt(): boolean {
    return this.#bucket.refill(this.#clock.now()) < 0;
  }

  /** Aborts what waits, and whatever asks later. */
  close(): void {
    this.#closed = true;
    for (const list of [this.#sparse, this.#bulk]) {
      for (let flow = list.head; flow; flow = list.head) {
        this.#unlink(flow);
        flow.aborted();
      }
    }
    for (const flow of this.#parked) {
      this.#unpark(flow);
      flow.aborted();
    }
    this.#settle(this.#clock.now());
  }

  #serve(now: number, batch: number): void {
    this.#serving = true;
    try {
      this.#bucket.refill(now);
      this.#precedence.refill(now);
      this.#serveSparse();
      this.#serveBulk(now, batch);
      // Handing over to the bulk flows may have woken sparse ones.
      this.#serveSparse();
    } finally {
      // A listener that throws must not stop the job's other connections.
      this.#serving = false;
      this.#settle(now);
    }
  }

  #serveSparse(): void {
    for (let flow = this.#sparse.head; flow; flow = this.#sparse.head) {
      if (this.#park(flow)) continue;
      const share = Math.min(flow.want, Math.floor(flow.credit));
      if (share < flow.want && share < this.#slice) {
        this.#unlink(flow);
        this.#bulk.push(flow, 'bulk');
        continue;
      }
      const bounds = boundsOf(flow, this.#allowance);
      const bytes = Math.min(share, this.#sparseLevel(), bounds);
      // Whole slices only, or a full bucket would be given out in crumbs.
      if (bytes < Math.min(share, this.#slice, bounds) || bounds < 1) return;
      flow.credit -= bytes;
      if (this.#bulk.head) this.#precedence.take(bytes);
      this.#take(flow, this.#sparse, bytes);
      if (flow.want === 0) this.#unlink(flow);
      flow.granted(bytes);
    }
  }

  /** Whole bytes that sparse flows may take now. */
  #sparseLevel(): number {
    const level = this.#bucket.level;
    return Math.floor(this.#bulk.head ? Math.min(level, this.#precedence.level) : level);
  }

  #serveBulk(now: number, batch: number): void {
    if (this.#bulkLevel() < Math.min(batch, this.#bulk.want)) return;
    for (let flow = this.#bulk.head; flow; flow = this.#bulk.head) {
      if (this.#park(flow)) continue;
      const available = Math.min(this.#bulkLevel(), boundsOf(flow, this.#allowance));
      if (available <= 0) return;
      if (flow.deficit === 0) flow.deficit = this.#quantum;
      // One that is alone takes all at once, not turn by turn.
      const bytes = Math.min(flow.want, available, flow.next ? flow.deficit : available);
      flow.deficit = Math.max(0, flow.deficit - bytes);
      flow.bulkUntil = now + BULK_MEMORY_MS;
      this.#take(flow, this.#bulk, bytes);
      if (flow.want === 0) this.#unlink(flow);
      else if (flow.deficit === 0) this.#bulk.rotate(flow);
      flow.granted(bytes);
    }
  }

  /** Whole bytes that bulk flows may take now. */
  #bulkLevel(): number {
    return Math.floor(this.#bucket.level) - this.#reserve;
  }

  #take(flow: Flow, list: FlowList, bytes: number): void {
    flow.want -= bytes;
    list.want -= bytes;
    this.#bucket.take(bytes);
    this.#allowance.take(bytes);
    if (flow.host) flow.host.take(bytes);
    else flow.hostless += bytes;
    this.granted += bytes;
  }

  /** Out of its lane, where its host has nothing left for it: the others go on. */
  #park(flow: Flow): boolean {
    if (flow.host === undefined || flow.host.left >= 1) return false;
    this.#unlink(flow);
    flow.parked = true;
    this.#parked.add(flow);
    flow.host.short();
    return true;
  }

  #unpark(flow: Flow): boolean {
    if (!flow.parked) return false;
    flow.parked = false;
    return this.#parked.delete(flow);
  }

  /** After a pass: when to come back, and whether somebody waits. */
  #settle(now: number): void {
    const sparse = this.#sparse.head;
    const bulk = this.#bulk.head;
    if (!sparse && !bulk) {
      this.dueAt = Number.POSITIVE_INFINITY;
      this.#ticker.remove(this);
      if (!Number.isNaN(this.#waitingSince)) {
        this.#waitedMs += now - this.#waitingSince;
        this.#waitingSince = Number.NaN;
      }
      return;
    }
    if (Number.isNaN(this.#waitingSince)) this.#waitingSince = now;
    if (this.#allowance.left < 1) {
      // Time brings nothing: `more` does.
      this.dueAt = Number.POSITIVE_INFINITY;
      this.#ticker.remove(this);
      this.#allowance.short();
      return;
    }
    let missing = Number.POSITIVE_INFINITY;
    if (sparse) missing = Math.min(sparse.want, this.#slice) - this.#sparseLevel();
    if (bulk) {
      const target = this.#reserve + Math.min(this.#tickBatch, this.#bulk.want);
      missing = Math.min(missing, target - this.#bucket.level);
    }
    this.dueAt = now + Math.max(0, missing) / this.#bucket.rate;
    this.#ticker.add(this);
  }

  #refillCredit(flow: Flow, now: number): void {
    const earned = Math.max(0, now - flow.creditAt) * (this.#bucket.rate / 4);
    flow.credit = Math.min(this.#maxCredit, flow.credit + earned);
    flow.creditAt = now;
  }

  #list(lane: Lane): FlowList {
    return lane === 'sparse' ? this.#sparse : this.#bulk;
  }

  #unlink(flow: Flow): void {
    if (flow.lane === null) return;
    this.#list(flow.lane).remove(flow);
  }
}

/** Whole bytes of a flow that may pass however much time there was. */
function boundsOf({ host }: Flow, allowance: Pick<Allowance, 'left'>): number {
  return Math.floor(Math.min(allowance.left, host?.left ?? Number.POSITIVE_INFINITY));
}
