import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { silentLogger } from '../../proxy/policy/logger.js';
import type { GatewayEvent, ServiceEvent } from '../../src/service/event-hub.js';
import { Cleanup } from './cleanup.js';
import { helloFor } from './client-hello.js';
import { startTcpOrigin } from './origin.js';
import { denialOf, RawClient } from './raw-client.js';
import { type AskOptions, ask } from './serve.js';
import { FakeEngine, FakeGateways, startService, type TestService } from './service.js';

export type Changing = Awaited<ReturnType<typeof startChanging>>;

/** Serves, one after the other, on one state directory and one engine that is none; an origin that mirrors. */
export async function startChanging() {
  const cleanup = new Cleanup();
  const state = join(mkdtempSync(join(tmpdir(), 'jobgate-test-')), 'state');
  cleanup.add(() => rmSync(join(state, '..'), { recursive: true }));
  const engine = new FakeEngine();
  const gateways = new FakeGateways();
  const origin = cleanup.use(await startTcpOrigin((socket) => void socket.pipe(socket)));
  const connected = (id: string) => RawClient.connect(gateways.proxies.get(id)?.port ?? 0);
  const both = () => [`stays.test:${origin.port}`, `goes.test:${origin.port}`];
  return {
    state,
    engine,
    gateways,
    origin,
    /** Domains of the origin. */
    both,
    async serve(flags: object = {}, env: Record<string, string> = {}) {
      const events: ServiceEvent[] = [];
      const served = await startService(
        { ...FLAGS, stateDirectory: state, ...flags },
        { env, engine, gateways, logger: silentLogger },
      );
      cleanup.use(served);
      served.service.hub.subscribe((event) => events.push(event));
      const changes = () =>
        events.filter(
          (event): event is GatewayEvent => event.type === 'gateway' && event.change === 'policy-changed',
        );
      return { ...served, events, changes };
    },
    async opened({ port }: Pick<TestService, 'port'>, domains = both(), more: object = {}) {
      const answer = await ask(port, '/v1/gateways', {
        body: { jobId: 'job-1', network: { Domains: domains }, ...more },
      });
      expect(answer.status).toBe(201);
      return { id: String(answer.body.id), etag: String(answer.headers.etag), view: answer.body };
    },
    async tunnel(id: string, host: string): Promise<RawClient> {
      const client = cleanup.use(await connected(id));
      const hello = helloFor(host);
      await client.connectTo(`${host}:${origin.port}`, hello);
      await client.untilBytes(hello.length);
      return client;
    },
    async refusal(id: string, host: string): Promise<string | undefined> {
      await using client = await connected(id);
      return denialOf(await client.connectTo(`${host}:${origin.port}`));
    },
    [Symbol.asyncDispose]: () => cleanup[Symbol.asyncDispose](),
  };
}

const FLAGS = {
  allowAddress: ['127.0.0.0/8'],
  addHost: ['stays.test:127.0.0.1', 'goes.test:127.0.0.1', 'a.goes.test:127.0.0.1'],
  rate: 'unlimited',
};

export const patch = (
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

export async function isAlive(client: RawClient): Promise<boolean> {
  const { length } = client.bytes;
  client.send('x');
  return (await client.untilBytes(length + 1)).length === length + 1;
}
