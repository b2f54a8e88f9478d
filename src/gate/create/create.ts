import { randomBytes } from 'node:crypto';
import { ID_PATTERN } from '../../../admission/job.js';
import { GATE_LABEL } from '../../../docker/gateway/labels.js';
import { named } from '../../../proxy/policy/job-name.js';
import { createOptions, type ServedGateway } from '../../service/served-gateway.js';
import { parseBody, readBody } from '../body.js';
import { type EngineAnswer, messageOf } from '../engine-asks.js';
import type { Exchange, Gate, Handler } from '../exchange.js';
import type { Volume } from '../own.js';
import { type AskedPolicy, assertNoPolicy, readPolicyLabels } from '../policy-labels.js';
import { GateRefusal, notFound, refuse } from '../refusal.js';
import { createGateway, wantsGateway } from '../stock-node/create-gateway.js';
import { directoriesOf, executionOf } from '../stock-node/execution.js';
import type { Endpoint } from './endpoints.js';
import { jobOf } from './job.js';
import { judgeCreate, type Wanted } from './judge.js';
import { assertNoShadows, optionsOf, type Place } from './options.js';
import { assertNoRulers } from './rulers.js';

/** Judges a create, gives it a gateway where it needs one of its own, and has the engine make the container. */
export const create: Handler = async (exchange, gate) => {
  const { config, own } = gate;
  const body = parseBody(await readBody(exchange.request));
  const name = exchange.target.query.get('name') ?? undefined;
  const gatewayOf = wantsGateway(name, body);
  if (gatewayOf) return createGateway(gatewayOf, body, exchange, gate);
  const wanted = judgeCreate(body, { runtimes: config.gate?.runtimes ?? [] });
  assertName(name);
  await own.ready();

  const ofNode = executionOf(name, wanted.labels, 'executor');
  if (wanted.network.kind === 'host') assertHostNetwork(gate, ofNode);
  const random = `gate-${randomBytes(6).toString('hex')}`;
  const found = await lookUp(wanted, gate).catch(orMissing);
  const asked = askedOf(wanted, found, gate);
  assertNoShadows(wanted.extraHosts, asked.domains);
  const id = ofNode?.job ?? asked.job ?? (name !== undefined && ID_PATTERN.test(name) ? name : random);
  const executionId = ofNode?.execution ?? random;
  const nodeDirectories = ofNode ? directoriesOf(config.gate?.nodeDataDir, ofNode, wanted.mounts.host) : [];
  const job = { ...jobOf(wanted, { id, executionId, name, domains: asked.domains }), nodeDirectories };
  const { inputs } = await gate.service.admit(job);
  await assertNoRulers(inputs, gate);
  await ownVolumes(wanted, gate).catch(orMissing);

  let opened: ServedGateway | undefined;
  let answer: EngineAnswer;
  try {
    if (wanted.network.kind === 'own' && asked.domains.length > 0) {
      const { domains: allow, rate, budget } = asked;
      const called = ofNode ? gate.service.names.of(id) : named(name?.replace(/^\/+/, ''));
      const policy = { job: id, execution: executionId, ...called, allow, rate, ...(budget && { budget }) };
      opened = await gate.open(policy, { gate: own.id }, job, async () => {});
    }
    const place: Place = opened ? { kind: 'gateway', served: opened } : found.place;
    const {
      body: made,
      network,
      overridden,
    } = optionsOf(wanted, {
      ...found,
      imageEnv: await imageEnv(wanted, exchange, gate),
      place,
      inputs,
      mark: own.markOf(place.kind === 'gateway' ? place.served.id : undefined),
    });
    // A node sets them for its own gateway.
    if (overridden.length > 0 && !ofNode) {
      gate.logger.warn(
        { job: id, variables: overridden },
        'a container sets proxy variables; overridden by its gateway',
      );
    }
    answer = await askTwice(exchange, gate, made, place);
    if (answer.status === 201) {
      const { Id } = JSON.parse(answer.body.toString('utf8'));
      const gateway = place.kind === 'gateway' ? { gateway: place.served.id } : {};
      own.add(Id, { network, ...gateway, ...(ofNode && { ofNode }) });
      if (place.kind === 'gateway') {
        gate.service.accounts.connected(place.served.id, Id, name ?? '');
        if (ofNode) place.served.job = job;
      }
      opened = undefined;
    }
  } finally {
    if (opened) await gate.close(opened, 'its container was not made');
  }
  exchange.answer(answer.status, answer.body, answer.type);

  // jobgate in a container of its own: its files are not the engine's. Names fail slower then, no other difference.
  async function askTwice({ path }: Exchange, { asks }: Gate, made: Record<string, unknown>, place: Place) {
    const first = await asks.ask('POST', path, { body: made });
    if (first.status === 201 || place.kind !== 'gateway') return first;
    const host = made.HostConfig as { Mounts?: { Source?: string }[] };
    const ourFiles = createOptions(place.served).HostConfig.Mounts ?? [];
    const isMissing = ourFiles.some(({ Source }) => messageOf(first.body).includes(Source));
    if (!isMissing) return first;
    const sources = new Set(ourFiles.map(({ Source }) => Source));
    const Mounts = host.Mounts?.filter(({ Source }) => !sources.has(Source ?? ''));
    return asks.ask('POST', path, { body: { ...made, HostConfig: { ...host, Mounts } } });
  }
};

/** Of an image that is not there the engine tells, when it is asked to make the container. */
async function imageEnv(
  { config }: Wanted,
  { target }: Exchange,
  { asks }: Gate,
): Promise<readonly string[]> {
  const image = String(config.Image ?? '');
  if (!/^[\w.:@/-]{1,512}$/.test(image) || image.split('/').some((part) => /^\.*$/.test(part))) return [];
  const { status, body } = await asks.ask('GET', `${target.version}/images/${image}/json`);
  if (status !== 200) return [];
  return (JSON.parse(body.toString('utf8')) as { Config?: { Env?: string[] | null } }).Config?.Env ?? [];
}

/** Clients take "not found" for the image's, and pull that. @throws GateRefusal */
function orMissing(error: unknown): never {
  throw error instanceof GateRefusal && error.status === 404 ? new GateRefusal(400, error.message) : error;
}

/** @throws GateRefusal for a name that jobgate would take for one of its own. */
export function assertName(name: string | undefined): void {
  if (name !== undefined && /^\/*jobgate-/.test(name)) {
    throw refuse('names that begin with jobgate- are its own: choose another');
  }
}

/** What a container reaches: of a network of its own by its labels, else by whose network it is on. */
function askedOf(
  wanted: Wanted,
  { served }: { served?: ServedGateway | undefined },
  gate: Gate,
): AskedPolicy {
  if (wanted.network.kind === 'own') return readPolicyLabels(wanted.labels, gate.config);
  const why = {
    host: "a container on the host's network reaches everything: leave the label out",
    none: 'a container without a network reaches nothing: leave the label or --network none out',
    named: 'what is reached is said of the network: docker network create --label',
    container: "what is reached is said of the other container's network",
  };
  assertNoPolicy(wanted.labels, why[wanted.network.kind]);
  const { job } = readPolicyLabels({ ...wanted.labels, 'jobgate.network': 'none' }, gate.config);
  return {
    domains: served?.policy.allow ?? [],
    rate: served?.policy.rate ?? null,
    ...(served?.policy.budget && { budget: served.policy.budget }),
    ...(job !== undefined && { job }),
  };
}

/** @throws GateRefusal but for a job of a node whose operator lets them. */
export function assertHostNetwork({ config }: Pick<Gate, 'config'>, ofNode: object | undefined): void {
  if (ofNode && config.gate?.hostNetwork) return;
  const instead = ofNode
    ? 'jobs of a Bacalhau node get it where Gate.HostNetwork is true'
    : 'leave it out, and name domains by the label jobgate.domains';
  throw refuse(`HostConfig.NetworkMode: the host's network is not for clients of the gate: ${instead}`);
}

/** What else the container refers to: others of the client's own. */
async function lookUp(wanted: Wanted, { own, nodes }: Gate) {
  const { network } = wanted;
  let place: Place = { kind: network.kind === 'host' ? 'host' : 'none' };
  if (network.kind === 'named') {
    if (nodes.waitingOf(network.name))
      throw new GateRefusal(409, `jobgate: network ${network.name} has no gateway yet: make that first`);
    const served = nodes.networkOf(network.name)?.served ?? own.network(network.name);
    place = { kind: 'gateway', served: openOf(served) };
  }
  if (network.kind === 'container') {
    const id = await own.container(network.container);
    if (own.networkOf(id) === 'host')
      throw refuse("HostConfig.NetworkMode: that container has the host's network, which is not shared");
    place = { kind: 'container', id, served: own.gatewayOf(id) };
  }
  const volumesFrom = wanted.volumesFrom.map(async ({ container, mode }) => {
    const id = await own.container(container);
    return mode === '' ? id : `${id}:${mode}`;
  });
  return {
    place,
    served: place.kind === 'gateway' || place.kind === 'container' ? place.served : undefined,
    endpoints: await endpointsOf(wanted, place, { own, nodes }),
    volumesFrom: await Promise.all(volumesFrom),
    links: await linksOf(wanted.links, own),
    ipc: wanted.ipc && (await own.container(wanted.ipc.container)),
  };
}

export function openOf(served: ServedGateway): ServedGateway {
  if (served.state === 'open') return served;
  const { name } = served.gateway.network;
  throw new GateRefusal(
    409,
    `jobgate: the gateway of network ${name} is ${served.state}: make the network anew`,
  );
}

async function endpointsOf({ endpoints }: Wanted, place: Place, { own, nodes }: Pick<Gate, 'own' | 'nodes'>) {
  const found: Record<string, object> = {};
  for (const [name, endpoint] of endpoints) {
    // That of a node's job is judged where it is the container's own, and is nobody's second one.
    const ofNode = nodes.networkOf(name)?.served;
    const isOwn = ofNode !== undefined && place.kind === 'gateway' && place.served === ofNode;
    const { gateway } = isOwn ? ofNode : openOf(own.network(name));
    found[gateway.network.name] = await endpointOf(endpoint, own);
  }
  const names = Object.keys(found);
  const primary = place.kind === 'gateway' ? place.served.gateway.network.name : undefined;
  if (names.length > 0 && (primary === undefined || !names.includes(primary))) {
    throw refuse(
      'NetworkingConfig.EndpointsConfig: the network of HostConfig.NetworkMode is not among these',
    );
  }
  return found;
}

/** An endpoint whose links lead to the client's own containers. */
export async function endpointOf({ Links, ...endpoint }: Endpoint, own: Gate['own']): Promise<object> {
  return Links?.length ? { ...endpoint, Links: await linksOf(Links, own) } : endpoint;
}

function linksOf(links: readonly string[], own: Gate['own']): Promise<string[]> {
  return Promise.all(
    links.map(async (link) => {
      const [name = '', alias = name] = link.split(':');
      return `${await own.container(name)}:${alias.replace(/^\//, '')}`;
    }),
  );
}

/** Has named volumes made by the gate, so that they are known as its own. @throws GateRefusal for those of others. */
async function ownVolumes({ mounts }: Wanted, { asks, own }: Gate): Promise<void> {
  for (const { volume, labels } of mounts.volumes) {
    const body = { Name: volume, Driver: 'local', Labels: { ...labels, [GATE_LABEL]: own.id } };
    const made = await asks.read<Volume>('POST', '/volumes/create', {
      body,
    });
    if (!own.isVolume(made)) throw notFound('volume', volume);
  }
}
