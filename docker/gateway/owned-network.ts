import type { NetworkRecord } from './labels.js';

/** Where a job's proxy runs: in a process on this host, on the bridge's address, or in a container of its own. */
export type Placement = 'host' | 'container';

/** A network that one of us made. */
export interface OwnedNetwork {
  readonly id: string;
  readonly name: string;
  readonly bridge: string;
  /** Where its proxy runs; its bridge's name tells. */
  readonly placement: Placement;
  readonly subnet: string;
  readonly gateway: string;
  readonly record: NetworkRecord;
}
