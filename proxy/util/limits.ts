import type { DenialReason } from '../policy/denials.js';
import type { Limits } from '../policy/policy.js';
import { type Clock, systemClock } from './clock.js';

/** Counts what is open of one kind, and says no past the limit. */
export class Gate {
  #open = 0;

  constructor(
    readonly limit: number,
    readonly reason: DenialReason,
  ) {}

  get open(): number {
    return this.#open;
  }

  /** The function that leaves again (once, however often it is called), or undefined where the gate is full. */
  enter(): (() => void) | undefined {
    if (this.#open >= this.limit) return undefined;
    this.#open++;
    let inside = true;
    return () => {
      if (inside) this.#open--;
      inside = false;
    };
  }
}

/** New connections: as many per second, and a second's worth at once after a pause. */
export class ConnectionRate {
  #level: number;
  #at: number;

  constructor(
    readonly perSecond: number,
    private readonly clock: Clock = systemClock,
  ) {
    this.#level = perSecond;
    this.#at = clock.now();
  }

  /** False where this one is too soon; it does not count then. */
  admit(): boolean {
    const now = this.clock.now();
    const elapsed = Math.max(0, now - this.#at);
    this.#at = now;
    this.#level = Math.min(this.perSecond, this.#level + (elapsed * this.perSecond) / 1000);
    if (this.#level < 1) return false;
    this.#level -= 1;
    return true;
  }
}

/** All limits of one job that are about how many things are open. Look-ups are the resolver's. */
export class Gates {
  readonly connections: Gate;
  readonly connectionRate: ConnectionRate;
  readonly tunnels: Gate;
  readonly requests: Gate;
  readonly dials: Gate;

  constructor(limits: Limits, clock?: Clock) {
    this.connections = new Gate(limits.connections, 'too-many-connections');
    this.connectionRate = new ConnectionRate(limits.connectionsPerSecond, clock);
    this.tunnels = new Gate(limits.tunnels, 'too-many-tunnels');
    this.requests = new Gate(limits.requests, 'too-many-requests');
    this.dials = new Gate(limits.dials, 'too-many-dials');
  }
}
