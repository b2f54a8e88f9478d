import { assertNothing, parseBody, readBody } from './body.js';
import { assertName, openOf } from './create/create.js';
import type { Exchange, Gate, Handler } from './exchange.js';
import { flag, judged, kept, never, ours, text, texts } from './fields.js';
import { readFilters } from './filters.js';
import { GateRefusal, refuse } from './refusal.js';
import { assertLower } from './update.js';

interface Listed {
  readonly Id: string;
}

/** `docker ps`: the engine's list, less what is others'. The limit counts what is left. */
export const list: Handler = async ({ path, target, json }, { asks, own, config }) => {
  await own.ready();
  const limit = Number(target.query.get('limit') ?? 0);
  const all = limit > 0 && !target.query.get('all') ? `${path}${path.includes('?') ? '&' : '?'}all=1` : path;
  const listed = await asks.read<Listed[]>('GET', all);
  const shown = config.gate?.readOthers ? listed : listed.filter(({ Id }) => own.has(Id));
  json(200, limit > 0 ? shown.slice(0, limit) : shown);
};

/** Starts, or starts again: with a gateway that is open, or with no network. */
export const start: Handler = async ({ request, response, names, path }, { own, passOn }) => {
  const id = names.container ?? '';
  // Engines of old took a container's settings here.
  assertNothing(await readBody(request), ['t', 'signal', 'detachKeys', 'abortSignal']);
  if (own.networkOf(id) !== 'none') {
    const served = own.gatewayOf(id);
    if (!served) throw new GateRefusal(409, 'jobgate: its gateway is gone: create the container anew');
    openOf(served);
  }
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
