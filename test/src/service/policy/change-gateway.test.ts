import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { openOwner } from '../../../../docker/gateway/owner.js';
import { silentLogger } from '../../../../proxy/policy/logger.js';
import type { GatewayEvent, ServiceEvent } from '../../../../src/service/event-hub.js';
import { Cleanup } from '../../../support/cleanup.js';
import { helloFor } from '../../../support/client-hello.js';
import { type Origin, startTcpOrigin } from '../../../support/origin.js';
import { denialOf, RawClient } from '../../../support/raw-client.js';
import { type AskOptions, ask } from '../../../support/serve.js';
import { FakeEngine, FakeGateways, startService, type TestService } from '../../../support/service.js';

let cleanup: Cleanup;
let state: string;
let engine: FakeEngine;
let gateways: FakeGateways;
let origin: Origin;
beforeEach(async () => {
  cleanup = new Cleanup();
  state = join(mkdtempSync(join(tmpdir(), 'jobgate-test-')), 'state');
  cleanup.add(() => rmSync(join(state, '..'), { recursive: true }));
  engine = new FakeEngine();
  gateways = new FakeGateways();
  origin = cleanup.use(await startTcpOrigin((socket) => void socket.pipe(socket)));
});
afterEach(() => cleanup[Symbol.asyncDispose]());

const here = {
  allowAddress: ['127.0.0.0/8'],
  addHost: ['stays.test:127.0.0.1', 'goes.test:127.0.0.1', 'a.goes.test:127.0.0.1'],
  rate: 'unlimited',
};

async function serve(flags: object = {}, env: Record<string, string> = {}) {
  const events: ServiceEvent[] = [];
  const served = await startService(
    { ...here, stateDirectory: state, ...flags },
    { env, engine, gateways, logger: silentLogger },
  );
  cleanup.use(served);
  served.service.hub.subscribe((event) => events.push(event));
  const changes = () =>
    events.filter(
      (event): event is GatewayEvent => event.type === 'gateway' && event.change === 'policy-changed',
    );
  return { ...served, events, changes };
}

const both = () => [`stays.test:${origin.port}`, `goes.test:${origin.port}`];

async function opened({ port }: Pick<TestService, 'port'>, domains = both(), more: object = {}) {
  const answer = await ask(port, '/v1/gateways', {
    body: { jobId: 'job-1', network: { Domains: domains }, ...more },
  });
  expect(answer.status).toBe(201);
  return { id: String(answer.body.id), etag: String(answer.headers.etag), view: answer.body };
}

const patch = (
  port: number,
  id: string,
  body: object,
  ifMatch: string | undefined = '*',
  more: AskOptions = {},
) =>
  ask(port, `/v1/gateways/${id}`, {
    method: 'PATCH',
    body,
    headers: ifMatch === undefined ? {} : { 'if-match': ifMatch },
    ...more,
  });

async function tunnel(id: string, host: string): Promise<RawClient> {
  const client = cleanup.use(await RawClient.connect(gateways.proxies.get(id)?.port ?? 0));
  const hello = helloFor(host);
  await client.connectTo(`${host}:${origin.port}`, hello);
  await client.untilBytes(hello.length);
  return client;
}

async function refusal(id: string, host: string): Promise<string | undefined> {
  await using client = await RawClient.connect(gateways.proxies.get(id)?.port ?? 0);
  return denialOf(await client.connectTo(`${host}:${origin.port}`));
}

async function isAlive(client: RawClient): Promise<boolean> {
  const { length } = client.bytes;
  client.send('x');
  return (await client.untilBytes(length + 1)).length === length + 1;
}

describe('a change of a gateway', () => {
  it('cuts what it forbids, keeps what it allows, and says what it did', async () => {
    const { port, changes } = await serve();
    const { id, etag, view } = await opened({ port });
    expect(view).toMatchObject({ domains: both(), denied: [], expiries: [] });
    expect(etag).toBe(`"${view.revision}"`);
    const [stays, goes] = [await tunnel(id, 'stays.test'), await tunnel(id, 'goes.test')];
    const domains = [`stays.test:${origin.port}`, 'new.test'];
    const done = await patch(port, id, { domains }, etag);
    expect(done).toMatchObject({ status: 200, body: { id, domains, cut: 1, kept: true } });
    expect(done.headers.etag).toBe(`"${done.body.revision}"`);
    expect(done.headers.etag).not.toBe(etag);
    await goes.untilEnd();
    expect(await isAlive(stays)).toBe(true);
    expect(await refusal(id, 'goes.test')).toBe('domain-not-allowed');
    const got = await ask(port, `/v1/gateways/${id}`);
    expect(got.headers.etag).toBe(done.headers.etag);
    expect(got.body).toMatchObject({ domains, revision: done.body.revision });
    expect(changes()).toMatchObject([
      {
        ...{ gateway: id, job: 'job-1', cut: 1, revision: done.body.revision, by: 'api 127.0.0.1' },
        policy: { added: [{ domain: 'new.test' }], removed: [`goes.test:${origin.port}`], denied: [] },
      },
    ]);
    expect((await ask(port, '/metrics')).body).toContain(
      'jobgate_gateway_changes_total{change="policy-changed"} 1',
    );
  });

  it('is of the gateway that was looked at, or of whatever it is by now', async () => {
    const { port, changes } = await serve();
    const { id, etag } = await opened({ port });
    const body = { allow: ['new.test'] };
    expect(await ask(port, `/v1/gateways/${id}`, { method: 'PATCH', body })).toMatchObject({
      status: 428,
      body: { error: 'precondition-required', message: expect.stringContaining(etag) },
    });
    for (const other of ['"1-0"', `W/${etag}`, '', 'nonsense']) {
      expect(await patch(port, id, body, other)).toMatchObject({
        status: 412,
        body: { error: 'precondition-failed' },
      });
    }
    expect(changes()).toEqual([]);
    // Of two who have seen the same, one changes it.
    const answers = await Promise.all(
      ['a.test', 'b.test'].map((name) => patch(port, id, { allow: [name] }, etag)),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 412]);
    expect(
      (
        await patch(
          port,
          id,
          { allow: ['c.test'] },
          `"x", ${answers.find((one) => one.status === 200)?.headers.etag}`,
        )
      ).status,
    ).toBe(200);
    expect((await patch(port, id, { allow: ['d.test'] })).status).toBe(200);
    expect((await ask(port, `/v1/gateways/${id}`)).body.domains).toHaveLength(5);
    // Nothing that is another: no change.
    const same = await patch(port, id, { allow: ['d.test'] });
    expect(same).toMatchObject({ status: 200, body: { cut: 0 } });
    expect(changes()).toHaveLength(3);
  });

  it('is asked of admission first, unless it only takes away', async () => {
    const { port, events } = await serve(
      {},
      { JOBGATE_ALLOWED_DOMAINS: `stays.test:${origin.port},goes.test:${origin.port}` },
    );
    const { id, etag } = await opened({ port });
    const goes = await tunnel(id, 'goes.test');
    const asked = () => events.filter(({ type }) => type === 'admission').length;
    const before = asked();
    const refused = await patch(port, id, { domains: [`stays.test:${origin.port}`, 'other.test'] });
    expect(refused).toMatchObject({ status: 403, body: { error: 'not-accepted' } });
    expect(asked()).toBe(before + 1);
    expect(await isAlive(goes)).toBe(true);
    expect((await ask(port, `/v1/gateways/${id}`)).headers.etag).toBe(etag);
    expect((await patch(port, id, { deny: ['goes.test'] })).body).toMatchObject({ cut: 1 });
    expect(asked()).toBe(before + 1);
  });

  it('denies beneath a wider entry, and takes that back', async () => {
    const { port } = await serve();
    const { id } = await opened({ port }, [`.goes.test:${origin.port}`]);
    const [under, above] = [await tunnel(id, 'a.goes.test'), await tunnel(id, 'goes.test')];
    const denied = await patch(port, id, { deny: ['a.goes.test'] });
    expect(denied.body).toMatchObject({
      cut: 1,
      domains: [`.goes.test:${origin.port}`],
      denied: ['a.goes.test'],
    });
    await under.untilEnd();
    expect(await isAlive(above)).toBe(true);
    expect(await refusal(id, 'a.goes.test')).toBe('operator-denied');
    const allowed = await patch(port, id, { allow: ['a.goes.test'] });
    expect(allowed.body).toMatchObject({ denied: [], domains: [`.goes.test:${origin.port}`, 'a.goes.test'] });
    expect(await refusal(id, 'a.goes.test')).toBeUndefined();
  });

  it('gives another rate, within what the node gives', async () => {
    const { port } = await serve({ rate: '10mbit' });
    const { id } = await opened({ port });
    expect(await patch(port, id, { rate: '20mbit' })).toMatchObject({ status: 403 });
    expect((await patch(port, id, { rate: '1mbit' })).body).toMatchObject({ rate: 1_000_000, cut: 0 });
    expect((await patch(port, id, { rate: '10mbit' })).body).toMatchObject({ rate: 10_000_000 });
  });

  it('that is not valid is answered with all its problems, and changes nothing', async () => {
    const { port } = await serve();
    const { id, etag } = await opened({ port });
    const at = async (body: unknown) => {
      const { status, body: said } = await ask(port, `/v1/gateways/${id}`, {
        method: 'PATCH',
        body,
        headers: { 'if-match': '*' },
      });
      expect({ status, error: said.error }).toEqual({ status: 400, error: 'invalid-request' });
      return said.problems.map(({ path }: { path: string }) => path);
    };
    expect(await at({})).toEqual(['']);
    expect(await at([])).toEqual(['']);
    expect(await at({ domains: ['*.x.com', 'a.test', { domain: 'http://x', expires: '2h' }] })).toEqual([
      'domains[0]',
      'domains[2].domain',
    ]);
    expect(await at({ domains: ['a.test'], allow: ['b.test'] })).toEqual(['']);
    expect(
      await at({
        allow: [
          { domain: 'a.test', expires: 'soon' },
          { domain: 'b.test', until: 1 },
        ],
      }),
    ).toHaveLength(2);
    expect(await at({ allow: [{ domain: 'a.test', expires: '2020-01-01T00:00:00Z' }] })).toEqual([
      'allow[0].expires',
    ]);
    expect(await at({ expires: '2020-01-01T00:00:00Z', rate: '1furlong', budget: 1 })).toEqual([
      'rate',
      'budget',
    ]);
    expect(await at({ allow: ['a.test'], deny: ['a.test'] })).toEqual(['allow']);
    expect((await ask(port, `/v1/gateways/${id}`)).headers.etag).toBe(etag);
    expect((await patch(port, 'nobody', { deny: ['a.test'] })).status).toBe(404);
  });

  it('is not made of one that closes', async () => {
    const { port, service } = await serve();
    const { id } = await opened({ port });
    service.gateways.get(id).state = 'draining';
    expect(await patch(port, id, { deny: ['a.test'] })).toMatchObject({
      status: 409,
      body: { error: 'conflict' },
    });
  });

  it('does not make another one of it for who asks for the same again', async () => {
    const { port } = await serve();
    const { id } = await opened({ port }, ['a.test']);
    await patch(port, id, { domains: ['b.test'] });
    const again = async (name: string) =>
      (await ask(port, '/v1/gateways', { body: { jobId: 'job-1', network: { Domains: [name] } } })).status;
    expect([await again('a.test'), await again('b.test'), await again('c.test')]).toEqual([200, 200, 409]);
  });
});

describe('what ends', () => {
  const soon = (ms: number) => new Date(Date.now() + ms).toISOString();

  it('is an entry no more, and what it allowed is cut', async () => {
    const { port, changes } = await serve();
    const { id } = await opened({ port });
    const [stays, goes] = [await tunnel(id, 'stays.test'), await tunnel(id, 'goes.test')];
    const domain = `goes.test:${origin.port}`;
    const end = soon(60_000);
    expect((await patch(port, id, { allow: [{ domain, expires: end }] })).body).toMatchObject({
      cut: 0,
      expiries: [{ domain, expires: end }],
    });
    // All of the list, as it was: the end stays. And then for good.
    const { domains } = (await ask(port, `/v1/gateways/${id}`)).body;
    expect((await patch(port, id, { domains })).body.expiries).toHaveLength(1);
    expect(
      (await patch(port, id, { domains: [domains[0], { domain, expires: null }] })).body.expiries,
    ).toEqual([]);
    await patch(port, id, { allow: [{ domain, expires: '300ms' }] });
    expect(await isAlive(goes)).toBe(true);
    await goes.untilEnd();
    expect(await isAlive(stays)).toBe(true);
    await vi.waitFor(() =>
      expect(changes().at(-1)).toMatchObject({ by: 'expiry', cut: 1, policy: { removed: [domain] } }),
    );
    expect((await ask(port, `/v1/gateways/${id}`)).body.domains).toEqual([`stays.test:${origin.port}`]);
  });

  it('closes the gateway, unless that is taken back', async () => {
    const { port, events } = await serve();
    const { id } = await opened({ port });
    await patch(port, id, { expires: '2h' });
    const back = await patch(port, id, { expires: null });
    expect(back.body).not.toHaveProperty('expires');
    const goes = await tunnel(id, 'goes.test');
    await patch(port, id, { expires: '300ms' });
    await goes.untilEnd();
    await vi.waitFor(async () => expect((await ask(port, `/v1/gateways/${id}`)).body.state).toBe('closed'));
    expect(events.at(-1)).toMatchObject({ change: 'closed', reason: 'its time is over' });
    expect(readdirSync(join(state, 'policies'))).toEqual([]);
  });
});

describe('a changed policy', () => {
  /** A gateway that a dead serve left, and a serve that has opened it again. */
  async function left() {
    const dead = await openOwner('serve');
    await dead.close();
    const hex = engine.addNetwork(dead.ref, { allow: both() });
    return { id: hex, file: join(state, 'policies', `network-${hex}.json`) };
  }

  it('outlives a restart, as does what was denied; and goes with its gateway', async () => {
    const { id, file } = await left();
    const first = await serve();
    expect(existsSync(state)).toBe(false);
    await patch(first.port, id, {
      allow: [{ domain: 'a.test', expires: '1h' }],
      rate: '1mbit',
      deny: ['goes.test'],
    });
    const before = (await ask(first.port, `/v1/gateways/${id}`)).body;
    await first.service.stop(0);
    const second = await serve();
    const { body: after, headers } = await ask(second.port, `/v1/gateways/${id}`);
    const { domains, denied, rate, expiries, revision } = before;
    expect(after).toMatchObject({ domains, denied, rate, expiries, revision, reopened: true });
    expect(headers.etag).toBe(`"${revision}"`);
    expect(await refusal(id, 'goes.test')).toBe('operator-denied');
    expect(await refusal(id, 'stays.test')).toBeUndefined();
    expect(existsSync(file)).toBe(true);
    await ask(second.port, `/v1/gateways/${id}`, { method: 'DELETE' });
    expect(existsSync(file)).toBe(false);
  });

  it.each(['', '{"v":1', '{"v":2}', '{"v":1,"network":"other"}'])(
    'that cannot be read opens nothing: %s',
    async (text) => {
      const { id, file } = await left();
      mkdirSync(join(state, 'policies'), { recursive: true });
      writeFileSync(file, text);
      const { port, events } = await serve();
      expect((await ask(port, '/v1/gateways')).body.gateways).toEqual([]);
      expect(gateways.asked).toBe(0);
      rmSync(file);
      await vi.waitFor(async () => expect((await ask(port, `/v1/gateways/${id}`)).status).toBe(200));
      expect(events.at(-1)).toMatchObject({ change: 'reopened' });
    },
  );

  it('has lost by the restart what ended meanwhile, or is closed by then', async () => {
    const [one, other] = [await left(), await left()];
    const record = engine.networks.at(-1)?.Labels as Record<string, string>;
    record['io.jobgate.job'] = 'job-2';
    const first = await serve();
    const domain = `goes.test:${origin.port}`;
    await patch(first.port, one.id, { allow: [{ domain, expires: '200ms' }] });
    await patch(first.port, other.id, { expires: '200ms' });
    await first.service.stop(0);
    await new Promise((resolve) => setTimeout(resolve, 250));
    const second = await serve();
    expect((await ask(second.port, '/v1/gateways')).body.gateways).toMatchObject([
      { id: one.id, domains: [`stays.test:${origin.port}`] },
    ]);
    expect(engine.networks.map(({ Id }) => Id)).toEqual([`network-${one.id}`]);
    expect(existsSync(other.file)).toBe(false);
  });

  it('of a network that is gone is tidied up, unless it may be that of another engine', async () => {
    const { id, file } = await left();
    const first = await serve();
    await patch(first.port, id, { deny: ['goes.test'] });
    await first.service.stop(0);
    engine.networks.pop();
    const other = join(state, 'policies', 'other.json');
    const policy = { revision: 2, allow: [], deny: [], rate: null };
    writeFileSync(other, JSON.stringify({ v: 1, network: 'other', engine: 'another', policy }));
    await serve();
    await vi.waitFor(() => expect(existsSync(file)).toBe(false));
    expect(existsSync(other)).toBe(true);
  });

  it('that cannot be kept is refused where a restart would undo it; else it says so', async () => {
    const { port, changes } = await serve({ stateDirectory: '/proc/nowhere/state' });
    const { id, etag } = await opened({ port });
    const goes = await tunnel(id, 'goes.test');
    for (const body of [
      { deny: ['goes.test'] },
      { rate: '1mbit' },
      { expires: '2h' },
      { domains: ['new.test'] },
    ]) {
      expect(await patch(port, id, body, etag)).toMatchObject({
        status: 503,
        body: { message: expect.stringContaining('--state-directory') },
      });
    }
    expect(changes()).toEqual([]);
    expect(await isAlive(goes)).toBe(true);
    expect((await patch(port, id, { allow: ['new.test'] }, etag)).body).toMatchObject({
      kept: false,
      cut: 0,
    });
    // Taking that back again leaves no more than a restart would.
    expect((await patch(port, id, { domains: both() })).body).toMatchObject({ domains: both(), kept: false });
  });
});
