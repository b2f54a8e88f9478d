import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { openOwner } from '../../../../docker/gateway/owner.js';
import { type Changing, isAlive, patch, startChanging } from '../../../support/changing.js';
import { ask } from '../../../support/serve.js';

let here: Changing;
beforeEach(async () => {
  here = await startChanging();
});
afterEach(() => here[Symbol.asyncDispose]());

describe('a changed policy', () => {
  /** A gateway that a dead serve left, and a serve that has opened it again. */
  async function left() {
    const dead = await openOwner('serve');
    await dead.close();
    const hex = here.engine.addNetwork(dead.ref, { allow: here.both() });
    return { id: hex, file: join(here.state, 'policies', `network-${hex}.json`) };
  }

  it('outlives a restart, as does what was denied; and goes with its gateway', async () => {
    const { id, file } = await left();
    const first = await here.serve();
    expect(existsSync(here.state)).toBe(false);
    await patch(first.port, id, {
      allow: [{ domain: 'a.test', expires: '1h' }],
      rate: '1mbit',
      deny: ['goes.test'],
    });
    const before = (await ask(first.port, `/v1/gateways/${id}`)).body;
    await first.service.stop(0);
    const second = await here.serve();
    const { body: after, headers } = await ask(second.port, `/v1/gateways/${id}`);
    const { domains, denied, rate, expiries, revision } = before;
    expect(after).toMatchObject({ domains, denied, rate, expiries, revision, reopened: true });
    expect(headers.etag).toBe(`"${revision}"`);
    expect(await here.refusal(id, 'goes.test')).toBe('operator-denied');
    expect(await here.refusal(id, 'stays.test')).toBeUndefined();
    expect(existsSync(file)).toBe(true);
    await ask(second.port, `/v1/gateways/${id}`, { method: 'DELETE' });
    expect(existsSync(file)).toBe(false);
  });

  it.each(['', '{"v":1', '{"v":2}', '{"v":1,"network":"other"}'])(
    'that cannot be read opens nothing: %s',
    async (text) => {
      const { id, file } = await left();
      mkdirSync(join(here.state, 'policies'), { recursive: true });
      writeFileSync(file, text);
      const { port, events } = await here.serve();
      expect((await ask(port, '/v1/gateways')).body.gateways).toEqual([]);
      expect(here.gateways.asked).toBe(0);
      rmSync(file);
      await vi.waitFor(async () => expect((await ask(port, `/v1/gateways/${id}`)).status).toBe(200));
      expect(events.at(-1)).toMatchObject({ change: 'reopened' });
    },
  );

  it('has lost by the restart what ended meanwhile, or is closed by then', async () => {
    const [one, other] = [await left(), await left()];
    const record = here.engine.networks.at(-1)?.Labels as Record<string, string>;
    record['io.jobgate.job'] = 'job-2';
    const first = await here.serve();
    const domain = `goes.test:${here.origin.port}`;
    await patch(first.port, one.id, { allow: [{ domain, expires: '200ms' }] });
    await patch(first.port, other.id, { expires: '200ms' });
    await first.service.stop(0);
    await new Promise((resolve) => setTimeout(resolve, 250));
    const second = await here.serve();
    expect((await ask(second.port, '/v1/gateways')).body.gateways).toMatchObject([
      { id: one.id, domains: [`stays.test:${here.origin.port}`] },
    ]);
    expect(here.engine.networks.map(({ Id }) => Id)).toEqual([`network-${one.id}`]);
    expect(existsSync(other.file)).toBe(false);
  });

  it('of a network that is gone is tidied up, unless it may be that of another engine', async () => {
    const { id, file } = await left();
    const first = await here.serve();
    await patch(first.port, id, { deny: ['goes.test'] });
    await first.service.stop(0);
    here.engine.networks.pop();
    const other = join(here.state, 'policies', 'other.json');
    const policy = { revision: 2, allow: [], deny: [], rate: null };
    writeFileSync(other, JSON.stringify({ v: 1, network: 'other', engine: 'another', policy }));
    await here.serve();
    await vi.waitFor(() => expect(existsSync(file)).toBe(false));
    expect(existsSync(other)).toBe(true);
  });

  it('that cannot be kept is refused where a restart would undo it; else it says so', async () => {
    const { port, changes } = await here.serve({ stateDirectory: '/proc/nowhere/state' });
    const { id, etag } = await here.opened({ port });
    const goes = await here.tunnel(id, 'goes.test');
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
    expect((await patch(port, id, { domains: here.both() })).body).toMatchObject({
      domains: here.both(),
      kept: false,
    });
  });
});
