import type { Ledger } from '../../proxy/budget/ledger.js';
import type { Logger } from '../../proxy/policy/logger.js';
import type { EgressPolicy, PolicyChange, PolicyChanged } from '../../proxy/policy/policy.js';
import type { ProxyEvent } from '../../proxy/report/events.js';
import type { Figures } from '../../proxy/report/figures.js';
import type { JobNames } from '../engine/container.js';
import type { Engine } from '../engine/engine.js';
import type { OwnedNetwork } from './owned-network.js';
import type { Owner } from './owner.js';
import type { Subnet } from './subnet-pool.js';

export interface OpenGatewayOptions {
  readonly engine: Engine;
  /** Whose the gateway is; must be open until the gateway is closed. */
  readonly owner: Owner;
  readonly policy: EgressPolicy;
  /**
   * The network of a gateway whose `serve` died or left it: the gateway opens on it again, at the same address.
   * Its owner must have been taken over (`Owner.takeOver`). On failure the network stays, and nothing passes it.
   */
  readonly existing?: OwnedNetwork;
  /** What is to be said of the network beside the policy. Default: one for one container, named by us. */
  readonly network?: NetworkWish;
  /** What the job has taken of its budget, and takes. Default: nothing so far, and kept in memory only. */
  readonly ledger?: Ledger | undefined;
  readonly logger?: Logger;
  /** What the egress proxy decides and closes. */
  readonly onEvent?: (event: ProxyEvent) => void;
}

/** What the gate wants of a network that it makes for a client of its own. */
export interface NetworkWish {
  /** Which gate made it: 12 hex digits. */
  readonly gate: string;
  /** Several containers may be on it, and reach each other. */
  readonly shared?: boolean;
  /** The client's own name for it. */
  readonly name?: string;
  /** Told to the client already, and taken where it is still free. */
  readonly subnet?: Subnet;
  /** The client's own labels. */
  readonly labels?: Readonly<Record<string, string>>;
}

/**
 * Opens gateways at one placement. On failure nothing is left but an `existing` network.
 *
 * @throws PolicyError for a policy that cannot be kept; GatewayError (LockdownError, EngineError, PlacementError,
 *   PortTakenError) for anything else.
 */
export type OpenGateway = (options: OpenGatewayOptions) => Promise<Gateway>;

/**
 * One job's way out: its isolated network and its egress proxy, opened and closed together, wherever the proxy runs.
 * The job's container is to be created on `network.name` with the options of `isolatedOptions`.
 */
export interface Gateway extends AsyncDisposable {
  /** Id of the gateway, the random part of its network's name. */
  readonly id: string;
  readonly network: {
    readonly id: string;
    readonly name: string;
    /** CIDR. */
    readonly subnet: string;
    /** Address of the network's own end. */
    readonly gateway: string;
  };
  readonly proxy: {
    readonly host: string;
    readonly port: number;
    /** For the job's proxy variables. */
    readonly url: string;
  };
  /** What answers the job's names, for `isolatedOptions`; absent: nothing does. */
  readonly names?: JobNames | undefined;
  /**
   * Settles with the reason when the gateway cannot be enforced any more: its proxy is closed and its containers are
   * disconnected by then. Never settles otherwise.
   */
  readonly failed: Promise<Error>;
  /**
   * The job's container has this address: from now on no other is a client. Undefined: it has left, and another one of
   * the network may come.
   */
  setContainer(address: string | undefined): void;
  /**
   * Changes the job's part of the policy while the job runs. Once it settles, the new policy holds, whatever becomes of
   * the process that the proxy is in, and what it forbids is cut. The labels of the network stay as they are: who opens
   * the gateway again (`existing`) says with which policy.
   *
   * @throws what `EgressProxy.change` throws, changing nothing
   */
  change(change: PolicyChange): Promise<PolicyChanged>;
  figures(): Figures;
  /** Takes no new connections and waits, at most so many ms, for those that are open; then closes. */
  drain(ms: number): Promise<void>;
  /**
   * Ends the proxy as `drain` does, and leaves the network and its containers to the next `serve`. Until then they
   * reach nothing.
   */
  leave(ms: number): Promise<void>;
  /** Closes the proxy, disconnects the containers and removes the network; also of one that drains, or was to be left. */
  close(): Promise<void>;
}
