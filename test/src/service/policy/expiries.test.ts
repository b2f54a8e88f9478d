import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Changing, isAlive, patch, startChanging } from '../../../support/changing.js';
import { ask } from '../../../support/serve.js';

let here: Changing;
beforeEach(async () => {
  here = await startChanging();
});
afterEach(() => here[Symbol.asyncDispose]());

describe('what ends', () => {
  const soon = (ms: number) => new Date(Date.now() + ms).toISOString();

  it('is an entry no more, and what it allowed is cut', async () => {
    const { port, changes } = await here.serve();
    const { id } = await here.opened({ port });
    const [stays, goes] = [await here.tunnel(id, 'stays.test'), await here.tunnel(id, 'goes.test')];
    const domain = `goes.test:${here.origin.port}`;
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
    expect((await ask(port, `/v1/gateways/${id}`)).body.domains).toEqual([`stays.test:${here.origin.port}`]);
  });

  it('closes the gateway, unless that is taken back', async () => {
    const { port, events } = await here.serve();
    const { id } = await here.opened({ port });
    await patch(port, id, { expires: '2h' });
    const back = await patch(port, id, { expires: null });
    expect(back.body).not.toHaveProperty('expires');
    const goes = await here.tunnel(id, 'goes.test');
    await patch(port, id, { expires: '300ms' });
    await goes.untilEnd();
    await vi.waitFor(async () => expect((await ask(port, `/v1/gateways/${id}`)).body.state).toBe('closed'));
    expect(events.at(-1)).toMatchObject({ change: 'closed', reason: 'its time is over' });
    expect(readdirSync(join(here.state, 'policies'))).toEqual([]);
  });
});
