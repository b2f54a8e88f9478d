import { randomBytes } from 'node:crypto';
import { ID_PATTERN } from '../../admission/job.js';
import { PREFIX } from '../../docker/gateway/labels.js';
import { named } from '../../proxy/policy/job-name.js';
import type { ServedGateway } from '../service/served-gateway.js';
import { parseBody, readBody } from './body.js';
import { assertName, endpointOf, openOf } from './create/create.js';
import { readEndpoint } from './create/endpoints.js';
import { jobOfNetwork } from './create/job.js';
import type { Gate, Handler } from './exchange.js';
import { flag, judged, kept, never, object, oneOf, ours, text, textMap } from './fields.js';
import { listFilters, readFilters } from './filters.js';
import { readPolicyLabels } from './policy-labels.js';
import { GateRefusal, refuse } from './refusal.js';
import { executionOf } from './stock-node/execution.js';
import { hasLabels, networkShape } from './stock-node/shapes.js';

interface Info {
  readonly Id: string;
  readonly Name: string;
  readonly Containers?: Readonly<Record<string, unknown>> | null;
  readonly Labels?: Readonly<Record<string, string>> | null;
  readonly Options?: Readonly<Record<string, string>> | null;
}

/** As its client asked for it: clients compare, and make what differs anew. */
function asAsked(info: Info): Info {
  const labels = Object.entries(info.Labels ?? {});
  if (!labels.some(([name]) => name.startsWith(PREFIX))) return info;
  const Labels = Object.fromEntries(labels.filter(([name]) => !name.startsWith(PREFIX)));
  return { ...info, Options: {}, Labels };
}

/** The engine's own, which clients look for; no container of theirs is on them. */
const BUILT_IN = ['bridge', 'host', 'none'];

export const listNetworks: Handler = async ({ path, target, json }, { asks, own, config, nodes }) => {
  const listed = await asks.read<Info[]>('GET', path);
  if (config.gate?.readOthers) return json(200, listed);
  const ids = new Map(
    own
      .gateways()
      .filter(({ isNamed }) => isNamed)
      .map((served) => [served.gateway.network.id, nodes.of(served)?.ids.network]),
  );
  await own.ready();
  const shown = listed
    .filter(({ Id, Name }) => ids.has(Id) || BUILT_IN.includes(Name))
    .map((info) => ({
      ...asAsked(info),
      Id: ids.get(info.Id) ?? info.Id,
      // Versions of old list who is on each.
      ...(info.Containers && { Containers: ofOwn(info, own) }),
    }));
  const { label = [], ...other } = listFilters(target.query);
  const waiting = Object.keys(other).length > 0 ? [] : nodes.waiting.map(networkShape);
  json(200, [...shown, ...waiting.filter(({ Labels }) => hasLabels(Labels, label))]);
};

export const inspectNetwork: Handler = async ({ target, names, json }, { asks, own, config, nodes }) => {
  const given = names.network ?? '';
  const waiting = nodes.waitingOf(given);
  if (waiting) return json(200, networkShape(waiting));
  const ofNode = nodes.networkOf(given);
  const isPlain = BUILT_IN.includes(given) || config.gate?.readOthers;
  // Also that of one container, which its inspect names.
  const single = own
    .gateways()
    .find(({ gateway }) => [gateway.network.id, gateway.network.name].includes(given));
  const id = isPlain ? given : (ofNode?.served ?? single ?? own.network(given)).gateway.network.id;
  const info = await asks.read<Info>('GET', `${target.version}/networks/${id}`);
  await own.ready();
  json(200, {
    ...asAsked(info),
    ...(ofNode && { Id: ofNode.ids.network }),
    Containers: config.gate?.readOthers ? (info.Containers ?? {}) : ofOwn(info, own),
  });
};

function ofOwn({ Containers }: Info, own: Gate['own']): Record<string, unknown> {
  return Object.fromEntries(Object.entries(Containers ?? {}).filter(([id]) => own.has(id)));
}

const chosen = never('the gate chooses the addresses of its networks: leave it out');
const NETWORK = {
  Name: text,
  Labels: textMap,
  CheckDuplicate: ours,
  // Isolated, whatever is asked.
  Internal: flag,
  Attachable: flag,
  EnableIPv4: kept,
  Driver: oneOf(['bridge', 'default'], 'networks of the gate are bridges'),
  Scope: oneOf(['local'], 'networks of the gate are of this machine'),
  EnableIPv6: never('isolated networks have no IPv6'),
  Ingress: never('the gate has no swarm'),
  ConfigOnly: never('the gate has no swarm'),
  ConfigFrom: never('the gate has no swarm'),
  Options: never('the gate chooses how its networks are made: leave it out'),
  IPAM: object({
    Driver: oneOf(['default'], 'addresses are of this machine'),
    Config: chosen,
    Options: chosen,
  }),
};

export const createNetwork: Handler = async ({ request, target, json }, gate) => {
  const { Name: name = '', Labels = {} } = judged(NETWORK, parseBody(await readBody(request))) as {
    Name?: string;
    Labels?: Record<string, string>;
  };
  if (!/^[A-Za-z0-9][A-Za-z0-9_.-]{0,254}$/.test(name))
    throw new GateRefusal(400, 'jobgate: Name is no name of a network');
  assertName(name);
  // The engine takes an id for a network's before it looks at names.
  if (/^[0-9a-f]{64}$/.test(name)) throw refuse('Name: an id is no name of a network');
  const reserved = Object.keys(Labels).find((label) => label.startsWith(PREFIX));
  if (reserved !== undefined) throw refuse(`Labels: ${reserved} is jobgate's own: choose another`);
  const all = await gate.asks.read<Info[]>('GET', `${target.version}/networks`);
  const taken = ['default', 'container', ...all.map((one) => one.Name)];
  if (taken.includes(name) || gate.nodes.waitingOf(name)) {
    throw new GateRefusal(409, `network with name ${name} already exists`);
  }
  const execution = executionOf(name, Labels, 'network');
  if (execution) return json(201, { Id: (await gate.nodes.wait(execution)).ids.network, Warning: '' });
  const asked = readPolicyLabels(Labels, gate.config);
  const random = `gate-${randomBytes(6).toString('hex')}`;
  const id = asked.job ?? (ID_PATTERN.test(name) ? name : random);
  const job = jobOfNetwork({ id, executionId: random, name, domains: asked.domains });
  const { domains: allow, rate, budget } = asked;
  const policy = { job: id, execution: random, ...named(name), allow, rate, ...(budget && { budget }) };
  const wish = { gate: gate.own.id, shared: true, name, labels: Labels };
  const served = await gate.open(policy, wish, job, () => gate.service.admit(job).then(() => {}));
  json(201, { Id: served.gateway.network.id, Warning: '' });
};

export const removeNetwork: Handler = async ({ names, target, answer }, gate) => {
  const { nodes } = gate;
  const waiting = nodes.waitingOf(names.network ?? '');
  if (waiting) {
    nodes.forget(waiting.execution);
    return answer(204, '');
  }
  const ofNode = nodes.networkOf(names.network ?? '');
  const served = ofNode?.served ?? shared(gate, names.network);
  const { network } = served.gateway;
  // A node's gateway is on it for as long as it is open.
  if (ofNode || (await containersOn(served, target.version, gate)).length > 0) {
    throw new GateRefusal(
      403,
      `error while removing network: network ${network.name} id ${ofNode?.ids.network ?? network.id} has active endpoints`,
    );
  }
  await gate.close(served, 'its network was removed');
  answer(204, '');
};

export const pruneNetworks: Handler = async ({ target, json }, gate) => {
  const { label = [] } = readFilters(target.query, ['label']);
  const query = new URLSearchParams({ filters: JSON.stringify({ label }) });
  const matching = await gate.asks.read<Info[]>('GET', `${target.version}/networks?${query}`);
  const used = new Set([...gate.own.containers.values()].map(({ network }) => network));
  const NetworksDeleted: string[] = [];
  for (const served of gate.own.gateways()) {
    const { id, name } = served.gateway.network;
    if (!served.shared || used.has(name) || used.has(id) || !matching.some(({ Id }) => Id === id)) continue;
    if ((await containersOn(served, target.version, gate)).length > 0) continue;
    await gate.close(served, 'its network was removed');
    NetworksDeleted.push(name);
  }
  json(200, { NetworksDeleted });
};

export const connectNetwork: Handler = async ({ request, target, names, answer }, gate) => {
  const { Container, EndpointConfig } = judged(
    { Container: text, EndpointConfig: (value) => readEndpoint(value, 'EndpointConfig') },
    parseBody(await readBody(request)),
  ) as { Container?: string; EndpointConfig?: ReturnType<typeof readEndpoint> };
  if (isOfNode(gate, names.network, Container)) return answer(200, '');
  const served = openOf(shared(gate, names.network));
  const id = await gate.own.container(Container ?? '');
  await leaveNone(id, target.version, gate);
  const body = {
    Container: id,
    EndpointConfig: await endpointOf(EndpointConfig ?? {}, gate.own),
  };
  const path = `${target.version}/networks/${served.gateway.network.id}/connect`;
  const { status, body: said, type } = await gate.asks.ask('POST', path, { body });
  answer(status, said, type);
};

/** The engine connects nothing that is on its network `none`; some clients create first, and connect then. */
async function leaveNone(container: string, version: string, { asks, own }: Gate): Promise<void> {
  if (own.networkOf(container) !== 'none') return;
  const { NetworkSettings } = await asks.read<{ NetworkSettings: { Networks?: Record<string, unknown> } }>(
    'GET',
    `${version}/containers/${container}/json`,
  );
  if (NetworkSettings.Networks?.none === undefined) return;
  await asks.read('POST', `${version}/networks/none/disconnect`, { body: { Container: container } });
}

export const disconnectNetwork: Handler = async ({ request, target, names, answer }, gate) => {
  const { Container, Force } = judged({ Container: text, Force: flag }, parseBody(await readBody(request)));
  if (isOfNode(gate, names.network, Container)) return answer(200, '');
  const served = shared(gate, names.network);
  const body = {
    Container: await gate.own.container(String(Container ?? '')),
    ...(Force === true && { Force }),
  };
  const path = `${target.version}/networks/${served.gateway.network.id}/disconnect`;
  const { status, body: said, type } = await gate.asks.ask('POST', path, { body });
  answer(status, said, type);
};

/** Whether a node connects its gateway to its network, on which that is already. @throws GateRefusal for all else there. */
function isOfNode({ nodes }: Gate, network = '', container: unknown): boolean {
  const of = nodes.networkOf(network);
  if (!of) return false;
  if (typeof container === 'string' && nodes.gatewayOf(container) === of) return true;
  throw refuse('the network of a job is for its own container, which is created on it');
}

function shared({ own }: Gate, name = ''): ServedGateway {
  if (BUILT_IN.includes(name)) {
    throw refuse(
      `${name} is the engine's network, and not for clients of the gate: docker network create one`,
    );
  }
  return own.network(name);
}

async function containersOn(
  { gateway }: ServedGateway,
  version: string,
  { asks, own }: Gate,
): Promise<string[]> {
  const { Containers } = await asks.read<Info>('GET', `${version}/networks/${gateway.network.id}`);
  return Object.keys(Containers ?? {}).filter((id) => own.has(id));
}
