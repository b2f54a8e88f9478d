import { GATE_LABEL } from '../../docker/gateway/labels.js';
import type { ServedGateway } from '../service/served-gateway.js';
import type { EngineAsks } from './engine-asks.js';
import { GateRefusal, notFound } from './refusal.js';
import { type Execution, executionOf } from './stock-node/execution.js';

interface OwnOptions {
  /** Id of the gate. */
  readonly id: string;
  readonly asks: EngineAsks;
  readonly gateways: () => ServedGateway[];
}

interface OwnContainer {
  /** Its `NetworkMode`: the name of its gateway's network, `none`, or `container:ID`. */
  readonly network: string;
  /** Id of the gateway that it was made for: another one may come to have the same name. */
  readonly gateway?: string;
  /** Where it is the job's container of a stock node. */
  readonly ofNode?: Execution;
}

export interface Volume {
  readonly Name: string;
  readonly Labels?: Readonly<Record<string, string>> | null;
}

/** Of removed ones, whose last events are still to be shown, and of volumes. */
const MAX_KEPT = 10_000;

/**
 * Which containers and networks came through the gate.
 *
 * A container carries a mark in `HostConfig.ContainerIDFile`, a text that the engine keeps and does nothing with. Only
 * who creates a container can set it, and of the gate's clients nobody: no image can, as it can with labels. So the
 * gate knows its own again after it was started anew. In between it goes by ids, which the engine never gives twice.
 */
export class Own {
  readonly id: string;
  /** Names of volumes that were seen to be its own. */
  readonly volumes = new Set<string>();
  readonly #options: OwnOptions;
  readonly #containers = new Map<string, OwnContainer>();
  readonly #gone = new Set<string>();
  /** Looked at, and not its own: what a container was created with does not change. */
  #others: ReadonlySet<string> = new Set();
  #looked: Promise<void> | undefined;

  constructor(options: OwnOptions) {
    this.id = options.id;
    this.#options = options;
  }

  /** What `HostConfig.ContainerIDFile` of a container is. @param gateway id of the gateway that it is made for */
  markOf(gateway: string | undefined): string {
    return `jobgate-gate-${this.id}${gateway === undefined ? '' : `-${gateway}`}`;
  }

  get containers(): ReadonlyMap<string, OwnContainer> {
    return this.#containers;
  }

  has(container: unknown): boolean {
    return typeof container === 'string' && this.#containers.has(container);
  }

  /** Also one that is removed by now. */
  had(container: unknown): boolean {
    return this.has(container) || this.#gone.has(container as string);
  }

  add(container: string, as: OwnContainer): void {
    this.#containers.set(container, as);
  }

  /** @returns what it was, if it was one. */
  remove(container: string): OwnContainer | undefined {
    const found = this.#containers.get(container);
    if (!found) return undefined;
    this.#containers.delete(container);
    keep(this.#gone, container);
    return found;
  }

  /** Looks through what the engine has: at the start, and each time that it was away. */
  look(): Promise<void> {
    const looking = this.#look();
    this.#looked = looking;
    looking.catch(() => {
      if (this.#looked === looking) this.#looked = undefined; // the next question looks again
    });
    return looking;
  }

  /** Settles once it is known what is its own. @throws GateRefusal, EngineError */
  ready(): Promise<void> {
    return this.#looked ?? this.look();
  }

  /**
   * The id of a container of its own, by what a client calls it: as the engine does, an id, else a name, else the
   * beginning of an id, of its own only.
   *
   * @param looksAtOthers takes what is others' as well.
   * @throws GateRefusal 404, the same for what is not there and what is others'.
   */
  async container(given: string, looksAtOthers = false): Promise<string> {
    await this.ready();
    const name = given.replace(/^\//, '');
    if (this.has(name)) return name;
    if (!/^[A-Za-z0-9][A-Za-z0-9_.-]*$/.test(name)) throw notFound('container', name);
    const { status, body } = await this.#options.asks.ask('GET', `/containers/${name}/json`);
    const id = status === 200 ? (JSON.parse(body.toString('utf8')) as { Id: string }).Id : undefined;
    if (id !== undefined && (this.has(id) || looksAtOthers)) return id;
    if (status >= 500)
      throw new GateRefusal(status, 'jobgate: the engine cannot say which container that is');
    const found = /^[0-9a-f]+$/.test(name)
      ? [...this.#containers.keys()].filter((one) => one.startsWith(name))
      : [];
    if (found.length === 1) return found[0] as string;
    throw notFound('container', name);
  }

  /** @throws GateRefusal 404 for a volume that no client of this gate made. */
  async assertVolume(name: string): Promise<void> {
    const { status, body } = await this.#options.asks.ask('GET', `/volumes/${name}`);
    if (status === 200 && this.isVolume(JSON.parse(body.toString('utf8')))) return;
    throw notFound('volume', name);
  }

  /** By its labels, which are of whoever made it, and never an image's. */
  isVolume({ Name, Labels }: Volume): boolean {
    const isOwn = Labels?.[GATE_LABEL] === this.id;
    if (isOwn) keep(this.volumes, Name);
    return isOwn;
  }

  /** Learns which volumes are its own, for their events. */
  async lookAtVolumes(): Promise<void> {
    const { Volumes } = await this.#options.asks.read<{ Volumes: Volume[] | null }>('GET', '/volumes');
    for (const volume of Volumes ?? []) this.isVolume(volume);
  }

  /** The network on which a container of its own is, also where that is another container's; or `none`. */
  networkOf(container: string): string | undefined {
    const { network } = this.#containers.get(container) ?? {};
    const other = network === undefined ? undefined : /^container:(.*)$/.exec(network)?.[1];
    // The engine refuses to chain them.
    return other === undefined ? network : this.#containers.get(other)?.network;
  }

  /** The gateway on whose network a container of its own is. */
  gatewayOf(container: string): ServedGateway | undefined {
    const network = this.networkOf(container);
    const wanted = this.#containers.get(container)?.gateway;
    return this.gateways().find(
      ({ id, gateway }) =>
        [gateway.network.name, gateway.network.id].includes(network ?? '') &&
        (wanted === undefined || wanted === id),
    );
  }

  /** Gateways that this gate opened. */
  gateways(): ServedGateway[] {
    return this.#options.gateways().filter(({ gate }) => gate === this.id);
  }

  /** A network that a client made for containers to share, by its name, its id or the beginning of that. @throws GateRefusal 404. */
  network(given: string): ServedGateway {
    const shared = this.gateways().filter((one) => one.shared);
    const exact =
      shared.find(({ gateway }) => gateway.network.id === given) ??
      shared.find(({ gateway }) => gateway.network.name === given);
    if (exact) return exact;
    const found = /^[0-9a-f]+$/.test(given)
      ? shared.filter(({ gateway }) => gateway.network.id.startsWith(given))
      : [];
    if (found.length === 1) return found[0] as ServedGateway;
    throw new GateRefusal(404, `network ${given} not found`);
  }

  async #look(): Promise<void> {
    const { asks } = this.#options;
    const before = [...this.#containers.keys()];
    const list = await asks.read<{ Id: string }[]>('GET', '/containers/json?all=1');
    const ids = new Set(list.map(({ Id }) => Id));
    for (const id of before) if (!ids.has(id)) this.remove(id);
    const unknown = [...ids].filter((id) => !this.#containers.has(id) && !this.#others.has(id));
    const next = async (): Promise<void> => {
      for (let id = unknown.pop(); id !== undefined; id = unknown.pop()) await this.#lookAt(id);
    };
    await Promise.all(Array.from({ length: 8 }, next));
    this.#others = new Set([...ids].filter((id) => !this.had(id)));
  }

  async #lookAt(id: string): Promise<void> {
    const { status, body } = await this.#options.asks.ask('GET', `/containers/${id}/json`);
    if (status === 404) return;
    if (status !== 200) throw new GateRefusal(status, 'jobgate: the engine does not say what it has');
    const { Name, Config, HostConfig } = JSON.parse(body.toString('utf8')) as {
      Name?: string;
      Config?: { Labels?: Record<string, string> | null };
      HostConfig: { ContainerIDFile?: string; NetworkMode: string };
    };
    const mark = this.markOf(undefined);
    const { ContainerIDFile: text = '', NetworkMode: network } = HostConfig;
    if (text !== mark && !text.startsWith(`${mark}-`)) return;
    const ofNode = executionOf(Name, Config?.Labels, 'executor');
    const gateway = text.slice(mark.length + 1);
    this.add(id, { network, ...(gateway && { gateway }), ...(ofNode && { ofNode }) });
  }
}

function keep(names: Set<string>, name: string): void {
  names.delete(name);
  names.add(name);
  for (const oldest of names) {
    if (names.size <= MAX_KEPT) break;
    names.delete(oldest);
  }
}
