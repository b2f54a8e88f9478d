import { isDeepStrictEqual } from 'node:util';
import type Dockerode from 'dockerode';
import { EngineError, engineMessage, engineStatus } from '../../docker/engine/errors.js';
import type { Logger } from '../../proxy/policy/logger.js';
import { contractBreaches } from './contract.js';
import type { EngineLink, NetworkEvent } from './engine-link.js';
import type { EventHub, GatewayEvent } from './event-hub.js';
import type { Gateways } from './gateways.js';
import type { AttachedContainer, ServedGateway } from './served-gateway.js';

interface NetworkWatchOptions {
  readonly link: EngineLink;
  readonly gateways: Gateways;
  readonly hub: EventHub;
  readonly logger: Logger;
  /** What becomes of a container that breaks the contract. */
  readonly broken: 'disconnect' | 'report';
  /** Sockets that no job may have. */
  readonly sockets: readonly string[];
}

/** Events may be lost where the engine is in a hurry: what is connected is compared with what is known now and then. */
const COMPARE_MS = 30_000;
/** So many gateways are looked at each time whatever that says, in turn. */
const IN_TURN = 20;
/** So many are asked for at a time: the engine has more to do. */
const LANES = 8;

/** Looks at what is connected to the networks of the gateways: narrows their clients to it, cuts off what breaks the contract. */
export class NetworkWatch {
  readonly #options: NetworkWatchOptions;
  readonly #timer: NodeJS.Timeout;
  /** One look per gateway at a time; asked for meanwhile: one more. */
  readonly #looking = new Map<string, { again: boolean; done: Promise<void> }>();
  /** By gateway: what the engine's lists said of its network; the one that was looked at in turn last is at the end. */
  readonly #listed = new Map<string, string>();

  constructor(options: NetworkWatchOptions) {
    this.#options = options;
    this.#timer = setInterval(() => void this.#compare(), COMPARE_MS).unref();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  // A network of somebody else concerns us where one of our containers is connected to it.
  onEvent({ network, container }: NetworkEvent): void {
    for (const served of this.#options.gateways.list()) {
      const isConcerned =
        served.gateway.network.id === network ||
        (container !== undefined && served.containers.has(container));
      if (isConcerned) void this.look(served);
    }
  }

  async lookAtAll(): Promise<void> {
    await this.#lookAt(this.#options.gateways.list());
  }

  /** Asks the engine two questions, however many gateways there are: to be asked for a network costs it as much. */
  async #compare(): Promise<void> {
    const { link, gateways, logger } = this.#options;
    if (link.problem) return;
    const { docker } = link.engine;
    let lists: [Dockerode.NetworkInspectInfo[], Dockerode.ContainerInfo[]];
    try {
      lists = await Promise.all([docker.listNetworks(), docker.listContainers()]);
    } catch (error) {
      logger.warn({ problem: engineMessage(error) }, 'what is connected to gateways cannot be seen now');
      return;
    }
    const connected = byNetwork(...lists);
    const all = gateways.list();
    const others = all.filter(({ id, gateway, containers }) => {
      const on = connected.get(gateway.network.id);
      const listed = on?.map(({ line }) => line).join('\n') ?? 'removed';
      const isAnother = listed !== (this.#listed.get(id) ?? '');
      this.#listed.set(id, listed);
      // Also where the list is the same and what was found was not: who is cut off may be back.
      const jobs = (on ?? []).filter(({ address }) => address !== gateway.proxy.host);
      const isKnown = jobs.length === containers.size && jobs.every((one) => containers.has(one.id));
      return isAnother || !isKnown;
    });
    const known = new Set(all.map(({ id }) => id));
    for (const id of this.#listed.keys()) if (!known.has(id)) this.#listed.delete(id);
    const due = new Set(others.map(({ id }) => id));
    for (const [id, listed] of [...this.#listed].slice(0, IN_TURN)) {
      due.add(id);
      this.#listed.delete(id);
      this.#listed.set(id, listed);
    }
    await this.#lookAt(all.filter(({ id }) => due.has(id)));
  }

  async #lookAt(gateways: readonly ServedGateway[]): Promise<void> {
    if (this.#options.link.problem) return;
    const left = gateways.values();
    const lane = async () => {
      for (const served of left) await this.look(served);
    };
    await Promise.all(Array.from({ length: LANES }, lane));
  }

  /** Settles once all that was connected when it was called has been looked at. */
  look(served: ServedGateway): Promise<void> {
    const running = this.#looking.get(served.id);
    if (running) {
      running.again = true;
      return running.done;
    }
    const state = { again: false, done: Promise.resolve() };
    state.done = (async () => {
      do {
        state.again = false;
        await this.#look(served).catch((error) => {
          this.#listed.delete(served.id);
          this.#options.logger.warn(
            { ...served.ids, gateway: served.id, problem: engineMessage(error) },
            'what is connected to a gateway cannot be seen now',
          );
        });
      } while (state.again);
      this.#looking.delete(served.id);
    })();
    this.#looking.set(served.id, state);
    return state.done;
  }

  async #look(served: ServedGateway): Promise<void> {
    const { link, gateways } = this.#options;
    const { docker } = link.engine;
    const { id, name } = served.gateway.network;
    let ids: string[];
    try {
      const info = await docker.getNetwork(id).inspect();
      // Who was there first is the job.
      ids = Object.entries(info.Containers ?? {})
        // That of the proxy itself, where it runs in a container.
        .filter(([, { IPv4Address }]) => IPv4Address.split('/')[0] !== served.gateway.proxy.host)
        .map(([container]) => container)
        .sort((a, b) => Number(served.containers.has(b)) - Number(served.containers.has(a)));
    } catch (error) {
      if (engineStatus(error) !== 404) throw error;
      gateways.fail(served, `its network ${name} was removed`);
      return;
    }
    const found: AttachedContainer[] = [];
    for (const container of ids) {
      const attached = await this.#judge(served, container, found);
      if (attached) found.push(attached);
    }
    const before = new Map(served.containers);
    served.setContainers(found);
    for (const container of found) {
      if (!before.has(container.id)) this.#tell(served, 'connected', container);
    }
    for (const container of before.values()) {
      if (!found.some((one) => one.id === container.id)) this.#tell(served, 'disconnected', container);
    }
  }

  async #judge(
    served: ServedGateway,
    id: string,
    others: readonly AttachedContainer[],
  ): Promise<AttachedContainer | undefined> {
    const { link, gateways, sockets, broken } = this.#options;
    const { docker } = link.engine;
    const { network, names } = served.gateway;
    const siblings =
      served.gate === undefined ? [] : gateways.list().filter(({ gate }) => gate === served.gate);
    const info = await docker
      .getContainer(id)
      .inspect()
      .catch((error: unknown) => {
        if (engineStatus(error) === 404) return undefined; // gone again
        throw new EngineError(engineMessage(error));
      });
    if (!info) return undefined;
    const breaches = contractBreaches(info, {
      network: network.name,
      names: names?.address,
      // A gate connects its clients' containers to several of its networks.
      also: siblings.map(({ gateway }) => ({ network: gateway.network.name, names: gateway.names?.address })),
      sockets,
    });
    const first = others.find((one) => one.enforced);
    if (first && !served.shared)
      breaches.push(`the network is for one container, and ${first.name} is on it`);
    const container: AttachedContainer = {
      id,
      name: info.Name.replace(/^\//, ''),
      address: info.NetworkSettings.Networks[network.name]?.IPAddress ?? '',
      enforced: breaches.length === 0,
      breaches,
    };
    if (container.enforced) return container;
    if (broken === 'report') {
      // Told when it comes, and when what it breaks becomes another thing: it may have kept the contract at first.
      const known = served.containers.get(id)?.breaches ?? [];
      if (!isDeepStrictEqual(known, breaches)) this.#tell(served, 'contract-broken', container);
      return container;
    }
    await docker
      .getNetwork(network.id)
      .disconnect({ Container: id, Force: true })
      .catch((error: unknown) => {
        if (engineStatus(error) === 404) return;
        throw error;
      });
    this.#tell(served, 'contract-broken', container);
    return undefined;
  }

  #tell(served: ServedGateway, change: GatewayEvent['change'], container: AttachedContainer): void {
    const { hub, logger, broken } = this.#options;
    const reason = container.breaches.join('; ');
    const about = {
      ...served.ids,
      gateway: served.id,
      container: container.name,
      ...(reason !== '' && { reason }),
    };
    if (change === 'contract-broken') {
      const what = broken === 'disconnect' ? 'disconnected' : 'not enforced';
      logger.warn({ event: 'gateway', change, ...about }, `a container breaks the contract: ${what}`);
    } else {
      logger.info({ event: 'gateway', change, ...about }, `container ${change}`);
    }
    hub.publish({ type: 'gateway', time: Date.now(), change, ...about });
  }
}

interface Connected {
  readonly id: string;
  readonly address: string;
  /** Itself, and where it is. */
  readonly line: string;
}

/** Who is on which network, by the network's id. */
function byNetwork(
  networks: readonly Dockerode.NetworkInspectInfo[],
  containers: readonly Dockerode.ContainerInfo[],
): ReadonlyMap<string, readonly Connected[]> {
  const found = new Map(networks.map(({ Id }): [string, Connected[]] => [Id, []]));
  for (const { Id: id, NetworkSettings } of containers) {
    const on = Object.values(NetworkSettings?.Networks ?? {});
    const places = on.map(({ NetworkID, IPAddress }) => `${NetworkID} ${IPAddress}`).sort();
    const line = [id, ...places].join(' ');
    for (const { NetworkID, IPAddress: address } of on) found.get(NetworkID)?.push({ id, address, line });
  }
  for (const list of found.values()) list.sort((a, b) => (a.id < b.id ? -1 : 1));
  return found;
}
