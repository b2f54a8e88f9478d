import { createHash } from 'node:crypto';
import { freeSubnet } from '../../../docker/gateway/network.js';
import { type Subnet, SubnetPool } from '../../../docker/gateway/subnet-pool.js';
import type { Config } from '../../config/load.js';
import type { ServedGateway } from '../../service/served-gateway.js';
import type { Service } from '../../service/service.js';
import type { Own } from '../own.js';
import { GateRefusal } from '../refusal.js';
import { type Execution, executionOfNetwork, nameOf } from './execution.js';

/** Ids by which a client calls what is answered for: they follow from names, and are the same after each start. */
interface Ids {
  readonly network: string;
  readonly gateway: string;
}

interface Known {
  readonly execution: Execution;
  readonly ids: Ids;
}

/** A network that a node asked for, and that has no gateway: not yet, or no more. The engine does not have it. */
export interface Waiting extends Known {
  readonly subnet: Subnet;
  readonly since: Date;
}

/** A gateway of ours in the place of a node's gateway container. */
export interface NodeGateway extends Known {
  readonly served: ServedGateway;
}

interface StockNodesOptions {
  readonly config: Config;
  readonly own: Own;
  readonly service: Service;
}

/** A node has a network without a gateway for milliseconds. Left ones are of a node that ended there. */
const WAITING_MS = 600_000;
const MAX_WAITING = 1_000;

/**
 * What the gate answers to stock Bacalhau nodes for. A node makes a network, then a gateway container that is told
 * the domains, then the job's container. Here the network is made when its domains are known, and its gateway is ours:
 * the container is told of, and is none. All of it follows from the gateways that are open: nothing is to be kept.
 */
export class StockNodes {
  readonly #gate: StockNodesOptions;
  readonly #waiting = new Map<string, Waiting>();
  /** What each gateway stands for; null where it is no node's. */
  readonly #known = new WeakMap<ServedGateway, NodeGateway | null>();
  /** Gateways whose container is not started, or stopped. */
  readonly #stopped = new WeakSet<ServedGateway>();

  constructor(gate: StockNodesOptions) {
    this.#gate = gate;
  }

  /** Gateways that stand for a node's gateway container. */
  list(): NodeGateway[] {
    return this.#gate.own.gateways().flatMap((served) => this.of(served) ?? []);
  }

  of(served: ServedGateway): NodeGateway | undefined {
    const before = this.#known.get(served);
    if (before !== undefined) return before ?? undefined;
    const execution = executionOfNetwork(served.gateway.network.name, served.policy);
    const found = execution && { execution, ids: this.#idsOf(execution), served };
    this.#known.set(served, found ?? null);
    return found;
  }

  get waiting(): Waiting[] {
    const now = Date.now();
    for (const [name, { since }] of this.#waiting) {
      if (now - since.getTime() > WAITING_MS) this.#waiting.delete(name);
    }
    return [...this.#waiting.values()];
  }

  /** The gateway whose container a client means: by id, name or the beginning of an id, as the engine takes them. */
  gatewayOf(given: string): NodeGateway | undefined {
    return this.#find(this.list(), given, 'gateway');
  }

  /** The network of a node that has a gateway. */
  networkOf(given: string): NodeGateway | undefined {
    const found = this.list();
    return (
      this.#find(found, given, 'network') ?? found.find(({ served }) => served.gateway.network.id === given)
    );
  }

  waitingOf(given: string): Waiting | undefined {
    return this.#find(this.waiting, given, 'network');
  }

  /** @throws GateRefusal where there are too many; EngineError, GatewayError where there is no subnet. */
  async wait(execution: Execution): Promise<Waiting> {
    const before = this.waiting;
    if (before.length >= MAX_WAITING)
      throw new GateRefusal(429, `jobgate: ${MAX_WAITING} networks wait for their gateways: remove some`);
    const { config, service } = this.#gate;
    const pool = new SubnetPool(config.gateway.subnetPool);
    const busy = before.map(({ subnet }) => subnet.cidr);
    const subnet = await freeSubnet(service.engine.docker, pool, busy);
    const waiting = { execution, ids: this.#idsOf(execution), subnet, since: new Date() };
    this.#waiting.set(nameOf(execution, 'network'), waiting);
    return waiting;
  }

  forget(execution: Execution): void {
    this.#waiting.delete(nameOf(execution, 'network'));
  }

  /** Its gateway container is removed, and the network waits for its own removal. */
  left({ execution, ids, served }: NodeGateway): void {
    const { subnet: cidr, gateway } = served.gateway.network;
    const waiting = { execution, ids, subnet: { cidr, gateway }, since: new Date() };
    this.#waiting.set(nameOf(execution, 'network'), waiting);
  }

  isRunning({ served }: NodeGateway): boolean {
    return !this.#stopped.has(served);
  }

  setRunning({ served }: NodeGateway, runs: boolean): void {
    if (runs) this.#stopped.delete(served);
    else this.#stopped.add(served);
  }

  #idsOf(execution: Execution): Ids {
    const id = (part: 'network' | 'gateway') =>
      createHash('sha256')
        .update(`${this.#gate.own.id} ${nameOf(execution, part)}`)
        .digest('hex');
    return { network: id('network'), gateway: id('gateway') };
  }

  #find<T extends Known>(all: readonly T[], given: string, part: 'network' | 'gateway'): T | undefined {
    const name = given.replace(/^\//, '');
    const exact = all.find(({ execution, ids }) => name === ids[part] || name === nameOf(execution, part));
    if (exact || !/^[0-9a-f]{4,63}$/.test(name)) return exact;
    const found = all.filter(({ ids }) => ids[part].startsWith(name));
    return found.length === 1 ? found[0] : undefined;
  }
}
