import { realpath } from 'node:fs/promises';
import { quote } from '../../admission/problem.js';
import { createOptions } from '../service/served-gateway.js';
import { assertNothing, parseBody, readBody } from './body.js';
import { assertHostNetwork, assertName, openOf } from './create/create.js';
import type { Exchange, Gate, Handler } from './exchange.js';
import { flag, judged, kept, never, ours, text, texts } from './fields.js';
import { listFilters, readFilters } from './filters.js';
import { GateRefusal, refuse } from './refusal.js';
import { isListed, listedShape } from './stock-node/shapes.js';
import { assertLower } from './update.js';

interface Mounted {
  readonly Type: string;
  readonly Source: string;
}

interface Listed {
  readonly Id: string;
}

/** `docker ps`: the engine's list, less what is others'. The limit counts what is left. */
export const list: Handler = async ({ path, target, json }, { asks, own, config, nodes }) => {
  await own.ready();
  const filters = listFilters(target.query);
  const { before = [], since = [] } = filters;
  // The engine would tell which of others' there are.
  if (!config.gate?.readOthers) for (const name of [...before, ...since]) await own.container(name);
  const limit = Number(target.query.get('limit') ?? 0);
  const isLimited = limit > 0 && !target.query.get('all');
  const whole = isLimited ? `${path}${path.includes('?') ? '&' : '?'}all=1` : path;
  const listed = await asks.read<Listed[]>('GET', whole);
  const shown = config.gate?.readOthers ? listed : listed.filter(({ Id }) => own.has(Id));
  const gateways = nodes.list().map((of) => listedShape(of, nodes.isRunning(of)));
  // The newest first, as the engine has them: a node takes the first of an execution's for its job's.
  const all = [...shown, ...gateways.filter((one) => isListed(one, filters))];
  json(200, limit > 0 ? all.slice(0, limit) : all);
};

/** Starts, or starts again: with a gateway that is open, or with no network. */
export const start: Handler = async ({ request, response, names, path }, gate) => {
  const { own, passOn } = gate;
  const id = names.container ?? '';
  // Engines of old took a container's settings here.
  assertNothing(await readBody(request), ['t', 'signal', 'detachKeys', 'abortSignal']);
  const network = own.networkOf(id);
  if (network === 'host') assertHostNetwork(gate, own.containers.get(id)?.ofNode);
  else if (network !== 'none') {
    const served = own.gatewayOf(id);
    if (!served) throw new GateRefusal(409, 'jobgate: its gateway is gone: create the container anew');
    openOf(served);
  }
  await assertUnmoved(id, gate);
  await passOn.send({ request, response, path });
};

/**
 * The engine follows links where it mounts, at each start and copy: a path that was judged at the create leads elsewhere by
 * then, where another container may write beside it.
 *
 * @throws GateRefusal
 */
async function assertUnmoved(id: string, { asks, own }: Gate): Promise<void> {
  const { Mounts } = await asks.read<{ Mounts?: readonly Mounted[] | null }>('GET', `/containers/${id}/json`);
  const served = own.gatewayOf(id);
  const ours = new Set(served && createOptions(served).HostConfig.Mounts?.map(({ Source }) => Source));
  for (const { Type: type, Source: source } of Mounts ?? []) {
    if (type !== 'bind' || ours.has(source)) continue;
    const real = await realpath(source).catch(() => undefined);
    if (real !== source) throw refuse(`${quote(source)} is not what it was when it was allowed: create anew`);
  }
}

/** Copying mounts what the container mounts, running or not. */
export const archive: Handler = async ({ request, response, names, path }, gate) => {
  const id = names.container ?? '';
  if (gate.own.has(id)) await assertUnmoved(id, gate);
  await gate.passOn.send({ request, response, path, upload: request.method === 'PUT' });
};

/**
 * Options of `ps` by which column PID is one: letters, or fields by name, the first of them `pid`. The engine runs it
 * with them on the whole machine, and picks by that column.
 */
const PS_ARGS = /^(-?[A-Za-np-z]+|-?[A-Za-np-z]*o ?pid(,[a-z_]+)*)?$/;

export const top: Handler = async ({ request, response, target, path }, { passOn }) => {
  if (!PS_ARGS.test(target.query.get('ps_args') ?? ''))
    throw refuse('ps_args: letters as in aux or -ef, or fields as in -o pid,user,args');
  await passOn.send({ request, response, path });
};

export const rename: Handler = async ({ request, response, target, path }, { passOn }) => {
  assertName(target.query.get('name') ?? undefined);
  await passOn.send({ request, response, path });
};

export const update: Handler = async ({ request, names, path, answer }, { asks }) => {
  const body = parseBody(await readBody(request));
  const { HostConfig } = await asks.read<{ HostConfig: Record<string, unknown> }>(
    'GET',
    `/containers/${names.container}/json`,
  );
  const { status, body: said, type } = await asks.ask('POST', path, { body: assertLower(body, HostConfig) });
  answer(status, said, type);
};

export const remove: Handler = async ({ names, path, answer }, gate) => {
  const { status, body, type } = await gate.asks.ask('DELETE', path);
  // Its event comes as well, and finds nothing any more.
  if (status === 204) gate.removed(names.container ?? '');
  answer(status, body, type);
};

export const prune: Handler = async ({ target, json }, gate) => {
  const label = readFilters(target.query, ['label']);
  const filters = JSON.stringify({ ...label, status: ['created', 'exited', 'dead'] });
  const query = new URLSearchParams({ all: '1', filters });
  const ended = await gate.asks.read<Listed[]>('GET', `${target.version}/containers/json?${query}`);
  const ContainersDeleted: string[] = [];
  for (const { Id } of ended) {
    if (!gate.own.has(Id)) continue;
    const { status } = await gate.asks.ask('DELETE', `${target.version}/containers/${Id}`);
    if (status !== 204) continue;
    gate.removed(Id);
    ContainersDeleted.push(Id);
  }
  json(200, { ContainersDeleted, SpaceReclaimed: 0 });
};

const EXEC = {
  AttachStdin: flag,
  AttachStdout: flag,
  AttachStderr: flag,
  Tty: flag,
  DetachKeys: text,
  ConsoleSize: kept,
  Cmd: texts,
  Env: texts,
  User: text,
  WorkingDir: text,
  Privileged: never('no command has more than its container: leave --privileged out'),
  // Of the client's own.
  Detach: ours,
  Container: ours,
  abortSignal: ours,
};

export const execCreate: Handler = async ({ request, path, answer }: Exchange, { asks }: Gate) => {
  const body = judged(EXEC, parseBody(await readBody(request)));
  if (body.Cmd === undefined) throw refuse('Cmd is missing: which program to run');
  const { status, body: said, type } = await asks.ask('POST', path, { body });
  answer(status, said, type);
};
