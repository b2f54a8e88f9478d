import type { Limits } from '../policy/policy.js';
import { type Clock, systemClock } from '../util/clock.js';

/** What all jobs of a node together may have at one destination. */
type DestinationLimits = Pick<
  Limits,
  'connections' | 'destinationConnections' | 'destinationConnectionsPerSecond'
>;

/** Where a proxy gets leave to connect to a destination: an address, or a name where an upstream looks it up. */
export interface Leases {
  /** Leave for at most `want` connections; 0: the node has as many as it may. */
  lease(destination: string, want: number): number | Promise<number>;
  /** Of so many, that are closed or were not needed. False: not heard, to be said again. */
  giveBack(destination: string, count: number): boolean;
  /** All that it has is given back. */
  close(): void;
}

/** What a job has leave for at a destination. */
interface Holding {
  open: number;
  /** Connections that it may begin of its own part of the rate. */
  level: number;
  at: number;
}

interface Destination {
  readonly holdings: Map<JobLeases, Holding>;
  /** Connections that may be begun of the half that all share. */
  level: number;
  at: number;
}

/** A job that has none and wants none for so long is none of a destination's, ms. */
const IDLE_MS = 1_000;

/**
 * The ledger of a node's connections by destination, so that its jobs together flood nobody. Of each cap one half is in
 * equal parts, one of which is free for the next job; the other half is for whoever comes. So no job that uses up a cap
 * takes a destination from the others.
 */
export class DestinationCaps {
  readonly #clock: Clock;
  readonly #destinations = new Map<string, Destination>();
  #sweptAt = 0;

  constructor(clock: Clock = systemClock) {
    this.#clock = clock;
  }

  /** Destinations that something is known of. */
  get size(): number {
    return this.#destinations.size;
  }

  /** Those of a job, until they are closed. */
  ofJob(limits: DestinationLimits): JobLeases {
    return new JobLeases(this, limits);
  }

  lease(job: JobLeases, name: string, want: number): number {
    const now = this.#clock.now();
    this.#sweep(now);
    const { destinationConnections: connections, destinationConnectionsPerSecond: perSecond } = job.limits;
    const half = perSecond / 2;
    let destination = this.#destinations.get(name);
    if (!destination) {
      destination = { holdings: new Map(), level: half, at: now };
      this.#destinations.set(name, destination);
    }
    const { holdings } = destination;
    let mine = holdings.get(job);
    if (!mine) {
      mine = { open: 0, level: half, at: now };
      holdings.set(job, mine);
    }
    const parts = holdings.size + 1;
    const room = roomFor(mine, holdings.values(), connections, parts);
    refill(destination, half, now);
    refill(mine, half / parts, now);
    const granted = Math.max(0, Math.min(want, Math.floor(room), Math.floor(mine.level + destination.level)));
    const own = Math.min(granted, mine.level);
    mine.level -= own;
    destination.level -= granted - own;
    mine.open += granted;
    return granted;
  }

  /** @returns how many it had. */
  giveBack(job: JobLeases, name: string, count: number): number {
    const mine = this.#destinations.get(name)?.holdings.get(job);
    const had = Math.min(count, mine?.open ?? 0);
    if (mine) mine.open -= had;
    return had;
  }

  forget(job: JobLeases): void {
    for (const { holdings } of this.#destinations.values()) holdings.delete(job);
  }

  #sweep(now: number): void {
    if (now - this.#sweptAt < IDLE_MS) return;
    this.#sweptAt = now;
    for (const [name, { holdings, at }] of this.#destinations) {
      for (const [job, holding] of holdings) {
        if (holding.open === 0 && now - holding.at >= IDLE_MS) holdings.delete(job);
      }
      // Its rate is full again.
      if (holdings.size === 0 && now - at >= IDLE_MS) this.#destinations.delete(name);
    }
  }
}

/** What a job may open more: what is left of its part, and of the half that is for all. */
function roomFor(mine: Holding, all: Iterable<Holding>, most: number, parts: number): number {
  const part = most / 2 / parts;
  let open = 0;
  let beyond = 0;
  for (const holding of all) {
    open += holding.open;
    beyond += Math.max(0, holding.open - part);
  }
  const room = Math.max(0, part - mine.open) + Math.max(0, most / 2 - beyond);
  return Math.min(most - open, room);
}

/** A second brings `perSecond`, which is also the most. */
function refill(bucket: { level: number; at: number }, perSecond: number, now: number): void {
  const elapsed = Math.max(0, now - bucket.at);
  bucket.at = now;
  bucket.level = Math.min(perSecond, bucket.level + (elapsed * perSecond) / 1000);
}

/** A job's part of the ledger. */
export class JobLeases implements Leases {
  readonly limits: DestinationLimits;
  readonly #caps: DestinationCaps;
  #open = 0;

  constructor(caps: DestinationCaps, limits: DestinationLimits) {
    this.#caps = caps;
    this.limits = limits;
  }

  lease(destination: string, want: number): number {
    // A job has no more connections than that; attempts and kept ones are the other half.
    const most = 2 * this.limits.connections - this.#open;
    const granted = most > 0 ? this.#caps.lease(this, destination, Math.min(want, most)) : 0;
    this.#open += granted;
    return granted;
  }

  giveBack(destination: string, count: number): boolean {
    this.#open -= this.#caps.giveBack(this, destination, count);
    return true;
  }

  close(): void {
    this.#caps.forget(this);
    this.#open = 0;
  }
}

/** One for all proxies that this process has, or has workers for. */
export const destinationCaps = new DestinationCaps();
