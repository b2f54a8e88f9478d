import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { idOf } from '../../support/fake-docker.js';
import { type GateHere, gateHere } from '../../support/gate-here.js';

const DOMAINS = { 'jobgate.domains': 'example.com' };
const READ_OTHERS = { JOBGATE_GATE_READ_OTHERS: 'true' };

let here: GateHere;
beforeEach(async () => {
  here = await gateHere();
});
afterEach(() => here[Symbol.asyncDispose]());

const filtered = (path: string, filters: object) =>
  `${path}?${new URLSearchParams({ filters: JSON.stringify(filters) })}`;
const listed = async (query = '', at = here) =>
  (await at.ask(`/v1.41/containers/json${query}`)).body.map(({ Id }: { Id: string }) => Id);
const lastList = () => decodeURIComponent(here.asked('GET /containers/json').path);

describe('a list of containers', () => {
  it('has those that are the own, as many as are asked for', async () => {
    const a = await here.create('a');
    here.docker.add('theirs');
    const b = await here.create('b');
    expect(await listed()).toEqual([a, b]);
    expect(lastList()).toBe('/v1.41/containers/json');
    expect(await listed('?all=1&size=1')).toEqual([a, b]);
    expect(lastList()).toBe('/v1.41/containers/json?all=1&size=1');
    // The limit counts what is left.
    expect(await listed('?limit=1')).toEqual([a]);
    expect(lastList()).toBe('/v1.41/containers/json?all=1');
    expect(await listed('?limit=2&size=1')).toEqual([a, b]);
    expect(lastList()).toBe('/v1.41/containers/json?size=1&all=1');
    expect(await listed('?limit=1&all=1')).toEqual([a]);
    expect(lastList()).toBe('/v1.41/containers/json?all=1');
    for (const none of ['0', '-1', 'x']) expect(await listed(`?limit=${none}`)).toEqual([a, b]);
  });

  it.each(['before', 'since'])('%s another container is for an own one', async (name) => {
    const own = await here.create('own');
    const theirs = here.docker.add('theirs');
    for (const given of ['own', own]) {
      expect(await listed(filtered('', { [name]: [given] }))).toEqual([own]);
      expect(lastList()).toBe(`/v1.41/containers/json?filters={"${name}":["${given}"]}`);
    }
    const before = here.times('GET /containers/json');
    for (const given of ['theirs', theirs])
      expect(await here.ask(filtered('/containers/json', { [name]: { [given]: true } }))).toMatchObject({
        status: 404,
        body: { message: `No such container: ${given}` },
      });
    expect(here.times('GET /containers/json')).toBe(before);
  });

  it("has others' where the operator says so", async () => {
    await using open = await gateHere(READ_OTHERS);
    const theirs = open.docker.add('theirs');
    expect(await listed('', open)).toEqual([theirs]);
    expect(await listed(filtered('', { since: ['theirs'] }), open)).toEqual([theirs]);
    expect((await open.ask('/containers/json')).status).toBe(200);
  });

  it("is what the engine says where it refuses; that of filters that are none is the engine's to say", async () => {
    for (const text of ['{', '5', '[]']) {
      expect(await here.ask(`/containers/json?filters=${text}`)).toMatchObject({ status: 200, body: [] });
      expect(lastList()).toBe(`/containers/json?filters=${text}`);
    }
    here.docker.says.set('GET /containers/json', [400, { message: 'bad filter' }]);
    expect(await here.ask('/containers/json')).toMatchObject({
      status: 400,
      body: { message: 'bad filter' },
    });
  });
});

describe.each(['start', 'restart'])('a %s', (verb) => {
  const start = (name: string, status: number, body?: unknown) =>
    here.post(`/v1.41/containers/${name}/${verb}`, body, status);

  it('is passed on where the gateway is open, or there is no network', async () => {
    const web = await here.create('web', { Labels: DOMAINS });
    const quiet = await here.create('quiet');
    await start('web', 204);
    await start('quiet', 204);
    for (const id of [web, quiet])
      expect(here.asked(`POST /containers/${id}/${verb}`).path).toBe(`/v1.41/containers/${id}/${verb}`);
    const served = here.served('web');
    if (served) served.state = 'failed';
    expect((await start('web', 409)).message).toContain('is failed: make the network anew');
    if (served) here.gate.own.add(web, { network: 'another', gateway: served.id });
    expect((await start('web', 409)).message).toBe('jobgate: its gateway is gone: create the container anew');
    expect(here.times(`POST /containers/${web}/${verb}`)).toBe(1);
  });

  it("on the host's network is refused", async () => {
    here.gate.own.add(await here.create('own'), { network: 'host' });
    expect((await start('own', 403)).message).toContain("the host's network is not for clients of the gate");
  });

  it('takes no settings in a body', async () => {
    const id = await here.create('own');
    expect((await start('own', 400, { Privileged: true })).message).toBe(
      'jobgate: this request takes no body, and has Privileged in it',
    );
    expect((await start('own', 400, { t: 1, HostConfig: {} })).message).toContain('has HostConfig in it');
    expect((await start('own', 400, '[]')).message).toBe('jobgate: the body must be a JSON object');
    expect(here.times(`POST /containers/${id}/${verb}`)).toBe(0);
    for (const fine of ['', 'null', '{}', { t: 5, signal: 'SIGTERM', detachKeys: '' }])
      await start('own', 204, fine);
    expect(here.asked(`POST /containers/${id}/${verb}`).headers['content-length']).toBe('0');
  });
});

describe('a path of the node that is mounted', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'jobgate-moved-'));
    for (const name of ['a', 'b']) mkdirSync(join(folder, name));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('leads where it did when its container is started, or copied from and to', async () => {
    const id = await here.create('own');
    const path = join(folder, 'a');
    const mounts = (Mounts: unknown) =>
      here.docker.says.set(`GET /containers/${id}/json`, [200, { Id: id, Mounts }]);
    mounts([
      { Type: 'volume', Source: '/nowhere' },
      { Type: 'bind', Source: path },
    ]);
    here.docker.says.set(`GET /containers/${id}/archive`, [200, {}]);
    here.docker.says.set(`PUT /containers/${id}/archive`, [200, {}]);
    const tries = [
      () => here.ask('/containers/own/start', { method: 'POST' }),
      () => here.ask('/containers/own/archive?path=/x'),
      () => here.ask('/containers/own/archive?path=/x', { method: 'PUT', body: 'tar' }),
    ];
    const statuses = async () => Promise.all(tries.map(async (one) => (await one()).status));
    expect(await statuses()).toEqual([204, 200, 200]);
    expect(here.asked(`GET /containers/${id}/archive`).path).toBe(`/containers/${id}/archive?path=%2Fx`);
    renameSync(path, join(folder, 'moved'));
    symlinkSync(join(folder, 'b'), path);
    expect(await statuses()).toEqual([403, 403, 403]);
    expect((await tries[0]?.())?.body.message).toBe(
      `jobgate: ${JSON.stringify(path)} is not what it was when it was allowed: create anew`,
    );
    rmSync(path);
    expect(await statuses()).toEqual([403, 403, 403]);
    for (const none of [null, undefined, []]) {
      mounts(none);
      expect(await statuses()).toEqual([204, 200, 200]);
    }
  });

  it("is not that of jobgate's own file", async () => {
    const id = await here.create('web', { Labels: DOMAINS });
    const { Source } = here.asked('POST /containers/create').body.HostConfig.Mounts[0];
    const inspect = (...sources: string[]) =>
      here.docker.says.set(`GET /containers/${id}/json`, [
        200,
        { Id: id, Mounts: sources.map((source) => ({ Type: 'bind', Source: source })) },
      ]);
    inspect(Source);
    await here.post('/containers/web/start', undefined, 204);
    inspect(Source, join(folder, 'nothing'));
    await here.post('/containers/web/start', undefined, 403);
  });

  it("of others' is not looked at, where these may be copied from", async () => {
    await using open = await gateHere(READ_OTHERS);
    const id = open.docker.add('theirs', { Mounts: [{ Type: 'bind', Source: '/nowhere' }] });
    open.docker.says.set(`GET /containers/${id}/archive`, [200, {}]);
    expect((await open.ask('/containers/theirs/archive?path=/x')).status).toBe(200);
    expect((await open.ask('/containers/theirs/archive?path=/x', { method: 'PUT' })).status).toBe(404);
  });
});

describe('a removal', () => {
  it("closes the gateway, and the engine's refusal does not", async () => {
    const id = await here.create('web', { Labels: DOMAINS });
    here.docker.says.set(`DELETE /containers/${id}`, [409, { message: 'it runs' }]);
    const remove = () => here.ask('/v1.41/containers/web?force=1&v=1&x=1', { method: 'DELETE' });
    expect(await remove()).toMatchObject({ status: 409, body: { message: 'it runs' } });
    expect(here.gate.own.has(id)).toBe(true);
    expect(here.served('web')?.state).toBe('open');
    here.docker.says.clear();
    const { status, headers } = await remove();
    expect([status, headers['content-length'], headers['content-type']]).toEqual([204, undefined, undefined]);
    expect(here.asked(`DELETE /containers/${id}`).path).toBe(`/v1.41/containers/${id}?v=1&force=1`);
    expect(here.gate.own.has(id)).toBe(false);
    await expect.poll(() => here.served('web')).toBeUndefined();
  });

  it('by a prune is of what the engine says has ended, of its own', async () => {
    const [gone, stays] = [await here.create('gone', { Labels: DOMAINS }), await here.create('stays')];
    const theirs = here.docker.add('theirs');
    here.docker.says.set(`DELETE /containers/${stays}`, [409, { message: 'it runs' }]);
    const path = filtered('/v1.41/containers/prune', { label: ['a=b'] });
    expect(await here.post(path, undefined, 200)).toEqual({ ContainersDeleted: [gone], SpaceReclaimed: 0 });
    const asked = new URLSearchParams(here.asked('GET /containers/json').path.split('?')[1]);
    expect(Object.fromEntries(asked)).toEqual({
      ...{ all: '1', filters: '{"label":["a=b"],"status":["created","exited","dead"]}' },
    });
    expect(here.asked(`DELETE /containers/${gone}`).path).toBe(`/v1.41/containers/${gone}`);
    expect(here.docker.containers.map(({ Id }) => Id)).toEqual([stays, theirs]);
    await expect.poll(() => here.served('gone')).toBeUndefined();
    const odd = await here.post(filtered('/containers/prune', { until: ['1h'] }), undefined, 400);
    expect(odd.message).toBe('jobgate: filter until is not known here: only label');
  });
});

it('a new name is any but one of jobgate', async () => {
  const id = await here.create('own');
  await here.post('/v1.41/containers/own/rename?name=new', undefined, 204);
  expect(here.asked(`POST /containers/${id}/rename`).path).toBe(`/v1.41/containers/${id}/rename?name=new`);
  expect((await here.post('/containers/own/rename?name=jobgate-x', undefined, 403)).message).toContain(
    'names that begin with jobgate- are its own',
  );
  await here.post('/containers/own/rename', undefined, 204);
});

it.each([
  ['', 200],
  ['-ef', 200],
  ['aux', 200],
  ['-o pid,user,args', 200],
  ['-eo pid', 200],
  ['-o user,pid', 403],
  ['-o pid=PID', 403],
  ['-ef --pid 1', 403],
  ['-o pid,args\n', 403],
])('processes are listed with %j: %d', async (args, status) => {
  const id = await here.create('own');
  here.docker.says.set(`GET /containers/${id}/top`, [200, {}]);
  const query = new URLSearchParams({ ps_args: args });
  expect((await here.ask(`/containers/own/top?${query}`)).status).toBe(status);
  expect(here.times(`GET /containers/${id}/top`)).toBe(status === 200 ? 1 : 0);
});

it('limits become lower, by what the engine says they are now', async () => {
  const id = await here.create('own', { HostConfig: { Memory: 100 } });
  here.docker.says.set(`POST /containers/${id}/update`, [200, { Warnings: null }]);
  const update = (body: unknown, status: number) => here.post('/v1.41/containers/own/update', body, status);
  expect(await update({ Memory: 50, CpuShares: 0 }, 200)).toEqual({ Warnings: null });
  expect(here.asked(`POST /containers/${id}/update`)).toMatchObject({
    ...{ path: `/v1.41/containers/${id}/update`, body: { Memory: 50 } },
  });
  expect((await update({ Memory: 101 }, 403)).message).toBe(
    'jobgate: Memory: a limit may only become lower, and it is 100',
  );
  here.docker.says.set(`POST /containers/${id}/update`, [500, { message: 'no' }]);
  expect(await update({ Memory: 50 }, 500)).toEqual({ message: 'no' });
});

describe('a command in a container', () => {
  it('is made as its client says, without privileges', async () => {
    const own = await here.create('own');
    const exec = (body: unknown, status: number) => here.post('/v1.41/containers/own/exec', body, status);
    const wanted = { Cmd: ['a'], Tty: true, Env: ['A=1'], User: 'u', WorkingDir: '/' };
    const { Id } = await exec({ ...wanted, Privileged: false, Detach: true, Container: 'other' }, 201);
    expect(Id).toBe(idOf(`exec ${own}`));
    expect(here.asked(`POST /containers/${own}/exec`)).toMatchObject({
      path: `/v1.41/containers/${own}/exec`,
    });
    expect(here.asked(`POST /containers/${own}/exec`).body).toEqual(wanted);
    for (const [body, problem] of [
      [
        { Cmd: ['a'], Privileged: true },
        'Privileged: no command has more than its container: leave --privileged out',
      ],
      [{ Tty: true }, 'Cmd is missing: which program to run'],
      [{ Cmd: ['a'], Hole: 1 }, 'Hole is not known here: leave it out'],
    ] as const)
      expect((await exec(body, 403)).message).toBe(`jobgate: ${problem}`);
    expect(here.times(`POST /containers/${own}/exec`)).toBe(1);
  });
});
