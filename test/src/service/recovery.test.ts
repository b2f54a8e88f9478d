import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { EngineError, GatewayError } from '../../../docker/engine/errors.js';
import { livenessOfId, type Owner, openOwner } from '../../../docker/gateway/owner.js';
import { silentLogger } from '../../../proxy/policy/logger.js';
import { EventHub, type GatewayEvent } from '../../../src/service/event-hub.js';
import { Recovery } from '../../../src/service/recovery.js';
import { Cleanup } from '../../support/cleanup.js';
import { ask } from '../../support/serve.js';
import { FakeEngine, FakeGateways, startService } from '../../support/service.js';
import { VirtualClock } from '../../support/virtual-clock.js';

describe('what a dead serve left', () => {
  let cleanup: Cleanup;
  let engine: FakeEngine;
  let gateways: FakeGateways;
  let dead: Owner;
  beforeEach(async () => {
    cleanup = new Cleanup();
    engine = new FakeEngine();
    gateways = new FakeGateways();
    dead = await openOwner('serve');
    await dead.close();
  });
  afterEach(() => cleanup[Symbol.asyncDispose]());

  const serve = async () => cleanup.use(await startService({}, { engine, gateways }));
  const cannot = new GatewayError('the proxy cannot listen on 10.213.0.1:13128: taken');
  const wanted = { jobId: 'job-1', network: { Domains: ['example.com'] }, rate: 'unlimited' };

  it('is open before the API accepts, and given to who asks for the same', async () => {
    const id = engine.addNetwork(dead.ref, { rate: 1_000_000 });
    const { port } = await serve();
    const body = { ...wanted, rate: '1mbit' };
    expect(await ask(port, '/v1/gateways', { body })).toMatchObject({
      status: 200,
      body: { id, reopened: true },
    });
    expect((await ask(port, '/v1/gateways', { body: { ...body, rate: '2mbit' } })).status).toBe(409);
    expect(await livenessOfId(dead.id)).toBe('alive');
  });

  it('is removed where its job has ended', async () => {
    engine.addNetwork(dead.ref, { created: new Date(0) });
    engine.containers.pop();
    const { port } = await serve();
    expect((await ask(port, '/v1/gateways')).body.gateways).toEqual([]);
    expect(engine.networks).toEqual([]);
  });

  it('and cannot be opened again at once is tried again until it is, without anybody doing anything', async () => {
    const id = engine.addNetwork(dead.ref, { rate: 1_000_000 });
    gateways.problem = cannot;
    const { port, service } = await serve();
    const events: GatewayEvent[] = [];
    service.hub.subscribe((event) => event.type === 'gateway' && events.push(event));
    expect((await ask(port, '/v1/gateways')).body.gateways).toEqual([]);
    expect(gateways.asked).toBe(1);
    // It stays ours meanwhile: nobody sweeps it, and its network stays.
    expect(await livenessOfId(dead.id)).toBe('alive');
    gateways.problem = undefined;
    await vi.waitFor(async () =>
      expect((await ask(port, `/v1/gateways/${id}`)).body).toMatchObject({ state: 'open' }),
    );
    expect(events).toMatchObject([{ change: 'reopened', gateway: id, job: 'job-1' }]);
  });

  it('is tried at once for who asks for the same; another network would be no help to its container', async () => {
    const id = engine.addNetwork(dead.ref, { rate: 1_000_000 });
    gateways.problem = cannot;
    const { port } = await serve();
    const body = { ...wanted, rate: '1mbit' };
    expect(await ask(port, '/v1/gateways', { body })).toMatchObject({
      status: 503,
      body: { message: expect.stringContaining('13128: taken') },
    });
    // Another job is not concerned.
    gateways.problem = undefined;
    expect((await ask(port, '/v1/gateways', { body: { ...body, jobId: 'job-2' } })).status).toBe(201);
    expect(await ask(port, '/v1/gateways', { body })).toMatchObject({ status: 200, body: { id } });
  });

  it('is tried when the engine comes back', async () => {
    const id = engine.addNetwork(dead.ref);
    gateways.problem = cannot;
    const { port } = await serve();
    engine.leave();
    await vi.waitFor(async () => expect((await ask(port, '/readyz')).status).toBe(503));
    gateways.problem = undefined;
    engine.isAway = false;
    await vi.waitFor(async () => expect((await ask(port, '/readyz')).status).toBe(200));
    expect((await ask(port, `/v1/gateways/${id}`)).status).toBe(200);
  });

  for (const isClosed of [true, false]) {
    it(`is ${isClosed ? 'not opened again where its gateway was closed, and only its network stayed' : 'opened again where it was not'}`, async () => {
      const stateDirectory = await mkdtemp(join(tmpdir(), 'jobgate-state-'));
      cleanup.add(() => rm(stateDirectory, { recursive: true }));
      const id = engine.addNetwork(dead.ref);
      const first = await startService({ stateDirectory }, { engine, gateways });
      await vi.waitFor(() => expect(first.service.gateways.get(id).state).toBe('open'));
      const { gateway } = first.service.gateways.get(id);
      Object.assign(gateway, { close: () => Promise.reject(new EngineError('the engine is away')) });
      engine.leave();
      const path = `/v1/gateways/${id}`;
      if (isClosed) {
        expect(await ask(first.port, path, { method: 'DELETE' })).toMatchObject({
          status: 200,
          body: { state: 'closed' },
        });
      }
      await first[Symbol.asyncDispose]();
      expect(engine.networks).toHaveLength(1);

      engine.isAway = false;
      const { port } = cleanup.use(await startService({ stateDirectory }, { engine, gateways }));
      await vi.waitFor(() => expect(engine.networks).toHaveLength(isClosed ? 0 : 1));
      expect((await ask(port, path)).status).toBe(isClosed ? 404 : 200);
      expect(await readdir(stateDirectory, { recursive: true })).not.toContain(`policies/network-${id}.json`);
    });
  }

  it('is not opened again where its gateway had failed, whatever becomes of the serve that saw it', async () => {
    const stateDirectory = await mkdtemp(join(tmpdir(), 'jobgate-state-'));
    cleanup.add(() => rm(stateDirectory, { recursive: true }));
    const id = engine.addNetwork(dead.ref);
    const { service } = cleanup.use(await startService({ stateDirectory }, { engine, gateways }));
    await vi.waitFor(() => expect(service.gateways.get(id).state).toBe('open'));
    service.gateways.fail(service.gateways.get(id), 'the lock-down is lost');
    const stored = join(stateDirectory, 'policies', `network-${id}.json`);
    await expect.poll(() => readFile(stored, 'utf8').catch(() => '')).toContain('"expires":0');
  });

  describe('in time', () => {
    let clock: VirtualClock;
    let recovery: Recovery;
    let events: GatewayEvent[];
    let asked = 0;
    let isAway = false;
    beforeEach(async () => {
      isAway = false;
      clock = new VirtualClock();
      asked = 0;
      events = [];
      const hub = new EventHub();
      hub.subscribe((event) => event.type === 'gateway' && events.push(event));
      const { docker } = await engine.connect();
      recovery = cleanup.use(
        new Recovery({
          engine: () => {
            if (isAway) throw new EngineError('not asked yet');
            return { docker } as never;
          },
          gateways: {
            isTaken: () => false,
            reopen: async () => {
              asked++;
              throw cannot;
            },
          } as never,
          policies: { read: async () => undefined },
          forgetStored: async () => {},
          onReopened: () => {},
          hub,
          logger: silentLogger,
          unusedAfterMs: 600_000,
          clock,
        }),
      );
      engine.addNetwork(dead.ref);
      await recovery.start({ docker } as never);
    });

    const pass = async (ms: number) => {
      clock.advance(ms);
      for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
    };

    it('waits longer each time, at most half a minute, and is told once', async () => {
      expect(asked).toBe(1);
      for (const [ms, times] of [
        [999, 1],
        [1, 2],
        [2_000, 3],
        [4_000, 4],
        [8_000, 5],
        [16_000, 6],
        [30_000, 7],
        [30_000, 8],
      ] as const) {
        await pass(ms);
        expect(asked).toBe(times);
      }
      expect(events).toMatchObject([{ change: 'failed', job: 'job-1', reason: cannot.message }]);
    });

    it('goes on where the engine could not be asked meanwhile', async () => {
      isAway = true;
      await pass(1_000);
      await pass(2_000);
      expect(asked).toBe(1);
      isAway = false;
      await pass(4_000);
      expect(asked).toBe(2);
    });

    it('ends with the serve, which leaves it to the next one', async () => {
      await recovery.close();
      expect(clock.pending).toBe(0);
      await pass(60_000);
      expect(asked).toBe(1);
      expect(await livenessOfId(dead.id)).toBe('dead');
      expect(engine.networks).toHaveLength(1);
    });
  });
});
