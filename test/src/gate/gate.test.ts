import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { GATE_LABEL } from '../../../docker/gateway/labels.js';
import { json } from '../../support/fake-engine.js';
import { GATE, type GateHere, gateHere } from '../../support/gate-here.js';
import { RawClient } from '../../support/raw-client.js';
import { open } from '../../support/serve.js';

let here: GateHere;
beforeEach(async () => {
  here = await gateHere();
});
afterEach(() => here[Symbol.asyncDispose]());

const refusals = () => here.logged.filter(([, , message]) => message === 'refused at the gate');

describe('a refusal', () => {
  it('is told in the log with what was asked, but for what is not there', async () => {
    await here.post('/v1.41/build?secret=1', undefined, 403);
    expect(refusals()).toEqual([
      [
        'info',
        {
          method: 'POST',
          path: '/v1.41/build',
          problem: expect.stringMatching(/^jobgate: the gate does not do POST \/build: images are not built/),
        },
        'refused at the gate',
      ],
    ]);
    expect((await here.ask('/containers/nothing/json')).status).toBe(404);
    expect(refusals()).toHaveLength(1);
  });

  it('of what was not foreseen says so, and where to look', async () => {
    here.docker.says.set('GET /volumes', (_, response) => void response.end('no JSON'));
    expect(await here.ask('/volumes')).toMatchObject({
      status: 500,
      body: { message: 'jobgate: an unexpected error; the log of serve has more' },
    });
    expect(here.logged.at(-1)).toEqual([
      'error',
      { err: expect.any(SyntaxError), method: 'GET', path: '/volumes' },
      'unexpected, at the gate',
    ]);
  });

  it("is the engine's own, where that says why, or what it says instead", async () => {
    const say = async (answer: Parameters<GateHere['docker']['says']['set']>[1]) => {
      here.docker.says.set('GET /volumes', answer);
      const { status, body } = await here.ask('/volumes');
      return [status, body.message];
    };
    expect(await say([409, { message: 'busy' }])).toEqual([409, 'busy']);
    expect(await say([500, { message: 5 }])).toEqual([500, '{"message":5}']);
    expect(await say((_, response) => void response.writeHead(502).end('<html>'))).toEqual([502, '<html>']);
    expect(await say((_, response) => void response.destroy())).toEqual([
      503,
      expect.stringMatching(/^jobgate: the engine does not answer: /),
    ]);
    const half = (_: IncomingMessage, response: ServerResponse) => {
      response.writeHead(200, { 'content-length': 10 }).write('[');
      setImmediate(() => response.destroy());
    };
    expect((await say(half))[0]).toBe(503);
  });

  it('is of an engine that is gone, wherever it is asked', async () => {
    await here.gate.own.ready();
    await here.engine[Symbol.asyncDispose]();
    for (const path of ['/volumes', '/version', '/info'])
      expect(await here.ask(path)).toMatchObject({
        status: 503,
        body: { message: expect.stringMatching(/^jobgate: the engine does not answer: /) },
      });
  });
});

describe('a body that is judged', () => {
  const create = (body: string) => here.ask('/volumes/create', { body });
  const problem = async (body: string) => (await create(body)).body.message;

  it('has a limit', async () => {
    const body = (length: number) => {
      const start = '{"Name":"mine","Labels":{}';
      return `${start}${' '.repeat(length - start.length - 1)}}`;
    };
    expect((await create(body(1 << 20))).status).toBe(201);
    expect(await create(body((1 << 20) + 1))).toMatchObject({
      status: 413,
      body: { message: 'jobgate: the body has more than 1048576 bytes' },
    });
    expect(here.times('POST /volumes/create')).toBe(1);
  });

  it('is one JSON object, which all readers read the same', async () => {
    for (const body of ['', '{', '{"Name":"a","Name":"b"}'])
      expect(await problem(body)).toMatch(/^jobgate: the body is not usable: /);
    for (const body of ['[]', 'null', '5', '"x"'])
      expect(await problem(body)).toBe('jobgate: the body must be a JSON object');
    expect((await create('{}')).status).toBe(201);
  });

  it('that breaks off is none', async () => {
    await using client = await RawClient.connect(here.path);
    client.send('POST /volumes/create HTTP/1.1\r\nHost: docker\r\nContent-Length: 10\r\n\r\n{}');
    await new Promise((resolve) => here.gate.server.once('request', resolve));
    client.end();
    await client.untilEnd();
    await vi.waitFor(() =>
      expect(refusals().at(-1)?.[1]).toMatchObject({ problem: 'jobgate: the body broke off' }),
    );
    expect(here.times('POST /volumes/create')).toBe(0);
  });
});

describe('what is passed on', () => {
  it('has of the headers what is known, and of a body nothing', async () => {
    const id = await here.create('own');
    const headers = {
      ...{ accept: 'a/b', 'user-agent': 'client', 'x-registry-auth': 'secret' },
      ...{ cookie: 'x', 'x-forwarded-for': 'x', authorization: 'x', host: 'other' },
    };
    await here.ask('/containers/own/stop', { method: 'POST', headers, body: 'a body' });
    const asked = here.asked(`POST /containers/${id}/stop`);
    expect(asked.body).toBeUndefined();
    expect(asked.headers).toEqual({
      ...{ accept: 'a/b', 'user-agent': 'client', 'x-registry-auth': 'secret' },
      ...{ host: 'docker', 'content-length': '0', connection: 'keep-alive' },
    });
    await here.ask('/version', { headers: { 'x-other': 'x' } });
    await here.ask('/images/json', { headers: { 'x-other': 'x' } });
    const { headers: got } = here.asked('GET /images/json');
    expect(got).toEqual({ host: 'docker', connection: 'keep-alive' });
  });

  it('is an upload with its body, of a length or in chunks', async () => {
    const id = await here.create('own');
    here.docker.says.set(`PUT /containers/${id}/archive`, (request, response) => {
      request.on('end', () => json(response, {}));
    });
    const upload = (headers: Record<string, string>) =>
      here.ask('/containers/own/archive?path=/x', { method: 'PUT', body: '[1]', headers });
    await upload({ 'content-type': 'application/x-tar', 'content-length': '3' });
    const asked = () => here.asked(`PUT /containers/${id}/archive`);
    expect(asked()).toMatchObject({
      body: [1],
      headers: { 'content-type': 'application/x-tar', 'content-length': '3' },
    });
    expect(asked().headers).not.toHaveProperty('transfer-encoding');
    await upload({ 'transfer-encoding': 'chunked' });
    expect(asked()).toMatchObject({ body: [1], headers: { 'transfer-encoding': 'chunked' } });
    expect(asked().headers).not.toHaveProperty('content-length');
  });

  it('is answered at once, as a stream, and ends for the engine when its client goes', async () => {
    const id = await here.create('own');
    const waits = new Promise<ServerResponse>((resolve) =>
      here.docker.says.set(`POST /containers/${id}/wait`, (_, response) => {
        response.writeHead(200, { 'content-type': 'a/b' }).flushHeaders();
        resolve(response);
      }),
    );
    const answer = await open(here.path, '/containers/own/wait', { method: 'POST' });
    expect([answer.statusCode, answer.headers['content-type']]).toEqual([200, 'a/b']);
    const engine = await waits;
    engine.write('one');
    expect(String((await once(answer, 'data'))[0])).toBe('one');
    answer.on('error', () => {}).destroy();
    await once(engine, 'close');
  });
});

it('the engine is asked in JSON where there is something to say, and is told how long that is', async () => {
  await here.post('/volumes/create', { Name: 'é' }, 403);
  await here.post('/volumes/create', { Name: 'mine', Labels: { a: 'é' } }, 201);
  const { headers } = here.asked('POST /volumes/create');
  const body = `{"Name":"mine","Driver":"local","Labels":{"a":"é","io.jobgate.gate":"${GATE}"}}`;
  expect(headers).toMatchObject({
    ...{
      'content-type': 'application/json',
      'content-length': String(Buffer.byteLength(body)),
      host: 'docker',
    },
  });
  await here.ask('/volumes');
  expect(here.asked('GET /volumes').headers).toEqual({ host: 'docker', connection: 'keep-alive' });
  const id = await here.create('own');
  await here.ask('/containers/own', { method: 'DELETE' });
  expect(here.asked(`DELETE /containers/${id}`).headers).toEqual({
    host: 'docker',
    connection: 'keep-alive',
    'content-length': '0',
  });
});

it('usage is of what is its own, and of everybody where the operator says so', async () => {
  const own = await here.create('own');
  const containers = [{ Id: own }, { Id: here.docker.add('theirs') }];
  const volumes = [
    { Name: 'mine', Labels: { [GATE_LABEL]: GATE } },
    { Name: 'theirs', Labels: null },
  ];
  const all = {
    ...{ LayersSize: 1, Containers: containers, Volumes: volumes, BuildCache: [{ ID: 'x' }] },
    VolumeUsage: { TotalCount: 2, Items: volumes },
  };
  here.docker.says.set('GET /system/df', [200, all]);
  expect((await here.ask('/v1.41/system/df?type=volume&x=1')).body).toEqual({
    ...{ LayersSize: 1, Containers: [{ Id: own }], Volumes: volumes.slice(0, 1), BuildCache: [] },
    VolumeUsage: { TotalCount: 1, Items: volumes.slice(0, 1) },
  });
  expect(here.asked('GET /system/df').path).toBe('/v1.41/system/df?type=volume');
  here.docker.says.set('GET /system/df', [200, { ContainerUsage: { Items: null } }]);
  expect((await here.ask('/system/df')).body).toEqual({
    ...{ Containers: [], Volumes: [], BuildCache: [], ContainerUsage: { TotalCount: 0 } },
  });
  await using open = await gateHere({ JOBGATE_GATE_READ_OTHERS: 'true' });
  open.docker.says.set('GET /system/df', [200, all]);
  expect((await open.ask('/system/df')).body).toEqual(all);
});

it('what is abandoned is told by its service, where nothing is', () => {
  expect(here.gate.service.abandoned()).toEqual([]);
});

it('a gate that ends cuts what its clients have open', async () => {
  const id = await here.create('own');
  here.docker.says.set(`POST /containers/${id}/wait`, (_, response) => response.flushHeaders());
  const answer = await open(here.path, '/containers/own/wait', { method: 'POST' });
  const cut = new Promise((resolve) => answer.once('close', resolve));
  answer.on('error', () => {}).resume();
  await here.gate.stop();
  await cut;
  expect(answer.complete).toBe(false);
  await expect(here.ask('/_ping')).rejects.toThrow(/ENOENT|ECONNREFUSED/);
});
