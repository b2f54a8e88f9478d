import type { Allowance } from '../budget/allowance.js';

/** Where a flow waits for tokens. */
export type Lane = 'sparse' | 'bulk';

/**
 * One direction of one connection, as the scheduler sees it. The fields belong to the scheduler: flows are linked
 * into its lanes through them, so that queueing allocates nothing.
 */
export abstract class Flow {
  /** Bytes asked for and not yet granted. */
  want = 0;
  lane: Lane | null = null;
  prev: Flow | null = null;
  next: Flow | null = null;
  /** Bytes left of the flow's turn in the bulk lane; above 0 after an early end of its bytes: the turn goes on. */
  deficit = 0;
  /** Bytes that the flow may still take in the sparse lane, as of `creditAt`. */
  credit = Number.POSITIVE_INFINITY;
  creditAt = 0;
  /** Until then a flow that comes back goes on in the bulk lane. */
  bulkUntil = 0;

  /** What may pass of it with the host that it is for; undefined where hosts have no bound, or it is for none yet. */
  host: Allowance | undefined;
  /** Bytes that passed while it was for no host. */
  hostless = 0;
  /** Its host has nothing left: it waits in no lane. */
  parked = false;

  /** Whether the flow waits for tokens. */
  get waiting(): boolean {
    return this.lane !== null || this.parked;
  }

  /** `bytes` of what was asked for may pass now. May ask again, and may withdraw this flow or others. */
  abstract granted(bytes: number): void;

  /** No grant will ever come: the scheduler was closed. */
  abstract aborted(): void;
}

/** A queue of flows with removal from the middle. */
export class FlowList {
  head: Flow | null = null;
  #tail: Flow | null = null;
  /** Bytes that its flows ask for. */
  want = 0;

  push(flow: Flow, lane: Lane): void {
    flow.lane = lane;
    flow.prev = this.#tail;
    flow.next = null;
    if (this.#tail) this.#tail.next = flow;
    else this.head = flow;
    this.#tail = flow;
    this.want += flow.want;
  }

  unshift(flow: Flow, lane: Lane): void {
    flow.lane = lane;
    flow.prev = null;
    flow.next = this.head;
    if (this.head) this.head.prev = flow;
    else this.#tail = flow;
    this.head = flow;
    this.want += flow.want;
  }

  remove(flow: Flow): void {
    if (flow.prev) flow.prev.next = flow.next;
    else this.head = flow.next;
    if (flow.next) flow.next.prev = flow.prev;
    else this.#tail = flow.prev;
    flow.lane = flow.prev = flow.next = null;
    this.want -= flow.want;
  }

  rotate(flow: Flow): void {
    if (flow.next === null || flow.lane === null) return;
    const { lane } = flow;
    this.remove(flow);
    this.push(flow, lane);
  }
}
