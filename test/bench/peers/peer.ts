import type { Contender } from '../contender.js';
import type { OriginPorts } from '../load/origins.js';

export interface PeerOptions {
  readonly origins: OriginPorts;
  readonly core: number | undefined;
  readonly say: (text: string) => void;
}

/** Starts a peer, or gives the reason why it can't be. */
export type StartPeer = (options: PeerOptions) => Promise<Contender | string>;
