import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Changing, isAlive, patch, startChanging } from '../../../support/changing.js';
import { ask } from '../../../support/serve.js';

let here: Changing;
beforeEach(async () => {
  here = await startChanging();
});
afterEach(() => here[Symbol.asyncDispose]());

describe('a change of a gateway', () => {
  it('cuts what it forbids, keeps what it allows, and says what it did', async () => {
    const { port, changes } = await here.serve();
    const { id, etag, view } = await here.opened({ port });
    expect(view).toMatchObject({ domains: here.both(), denied: [], expiries: [] });
    expect(etag).toBe(`"${view.revision}"`);
    const [stays, goes] = [await here.tunnel(id, 'stays.test'), await here.tunnel(id, 'goes.test')];
    const domains = [`stays.test:${here.origin.port}`, 'new.test'];
    const done = await patch(port, id, { domains }, etag);
    expect(done).toMatchObject({ status: 200, body: { id, domains, cut: 1, kept: true } });
    expect(done.headers.etag).toBe(`"${done.body.revision}"`);
    expect(done.headers.etag).not.toBe(etag);
    await goes.untilEnd();
    expect(await isAlive(stays)).toBe(true);
    expect(await here.refusal(id, 'goes.test')).toBe('domain-not-allowed');
    const got = await ask(port, `/v1/gateways/${id}`);
    expect(got.headers.etag).toBe(done.headers.etag);
    expect(got.body).toMatchObject({ domains, revision: done.body.revision });
    expect(changes()).toMatchObject([
      {
        ...{ gateway: id, job: 'job-1', cut: 1, revision: done.body.revision, by: 'api 127.0.0.1' },
        policy: { added: [{ domain: 'new.test' }], removed: [`goes.test:${here.origin.port}`], denied: [] },
      },
    ]);
    expect((await ask(port, '/metrics')).body).toContain(
      'jobgate_gateway_changes_total{change="policy-changed"} 1',
    );
  });

  it('is of the gateway that was looked at, or of whatever it is by now', async () => {
    const { port, changes } = await here.serve();
    const { id, etag } = await here.opened({ port });
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
    const { port, events } = await here.serve(
      {},
      { JOBGATE_ALLOWED_DOMAINS: `stays.test:${here.origin.port},goes.test:${here.origin.port}` },
    );
    const { id, etag } = await here.opened({ port });
    const goes = await here.tunnel(id, 'goes.test');
    const asked = () => events.filter(({ type }) => type === 'admission').length;
    const before = asked();
    const refused = await patch(port, id, { domains: [`stays.test:${here.origin.port}`, 'other.test'] });
    expect(refused).toMatchObject({ status: 403, body: { error: 'not-accepted' } });
    expect(asked()).toBe(before + 1);
    expect(await isAlive(goes)).toBe(true);
    expect((await ask(port, `/v1/gateways/${id}`)).headers.etag).toBe(etag);
    expect((await patch(port, id, { deny: ['goes.test'] })).body).toMatchObject({ cut: 1 });
    expect(asked()).toBe(before + 1);
  });

  it('denies beneath a wider entry, and takes that back', async () => {
    const { port } = await here.serve();
    const { id } = await here.opened({ port }, [`.goes.test:${here.origin.port}`]);
    const [under, above] = [await here.tunnel(id, 'a.goes.test'), await here.tunnel(id, 'goes.test')];
    const denied = await patch(port, id, { deny: ['a.goes.test'] });
    expect(denied.body).toMatchObject({
      cut: 1,
      domains: [`.goes.test:${here.origin.port}`],
      denied: ['a.goes.test'],
    });
    await under.untilEnd();
    expect(await isAlive(above)).toBe(true);
    expect(await here.refusal(id, 'a.goes.test')).toBe('operator-denied');
    const allowed = await patch(port, id, { allow: ['a.goes.test'] });
    expect(allowed.body).toMatchObject({
      denied: [],
      domains: [`.goes.test:${here.origin.port}`, 'a.goes.test'],
    });
    expect(await here.refusal(id, 'a.goes.test')).toBeUndefined();
  });

  it('gives another rate, within what the node gives', async () => {
    const { port } = await here.serve({ rate: '10mbit' });
    const { id } = await here.opened({ port });
    expect(await patch(port, id, { rate: '20mbit' })).toMatchObject({ status: 403 });
    expect((await patch(port, id, { rate: '1mbit' })).body).toMatchObject({ rate: 1_000_000, cut: 0 });
    expect((await patch(port, id, { rate: '10mbit' })).body).toMatchObject({ rate: 10_000_000 });
  });

  it('that is not valid is answered with all its problems, and changes nothing', async () => {
    const { port } = await here.serve();
    const { id, etag } = await here.opened({ port });
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
    const { port, service } = await here.serve();
    const { id } = await here.opened({ port });
    service.gateways.get(id).state = 'draining';
    expect(await patch(port, id, { deny: ['a.test'] })).toMatchObject({
      status: 409,
      body: { error: 'conflict' },
    });
  });

  it('does not make another one of it for who asks for the same again', async () => {
    const { port } = await here.serve();
    const { id } = await here.opened({ port }, ['a.test']);
    await patch(port, id, { domains: ['b.test'] });
    const again = async (name: string) =>
      (await ask(port, '/v1/gateways', { body: { jobId: 'job-1', network: { Domains: [name] } } })).status;
    expect([await again('a.test'), await again('b.test'), await again('c.test')]).toEqual([200, 200, 409]);
  });
});
