import { randomBytes } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { PassThrough } from 'node:stream';
import type { Engine } from '../../docker/engine.js';
import { EngineError } from '../../docker/errors.js';
import type { Gateway, OpenGateway } from '../../docker/gateway.js';
import { createEgressProxy, type EgressProxy } from '../../proxy/egress-proxy.js';
import type { ProxyEvent } from '../../proxy/events.js';
import { silentLogger } from '../../proxy/log.js';
import { loadConfig } from '../../src/config/load.js';
import { Auth } from '../../src/service/auth.js';
import { listen } from '../../src/service/listen.js';
import { serviceRoutes } from '../../src/service/routes/all.js';
import { createServer } from '../../src/service/server.js';
import { Service } from '../../src/service/service.js';

/** An engine that has nothing, and may be away. */
export class FakeEngine {
  isAway = false;
  /** What is asked of the engine, by method of the client. */
  #events: PassThrough | undefined;

  connect = async (): Promise<Engine> => {
    if (this.isAway) throw new EngineError('no Docker engine answers at unix:///none: start Docker');
    const handle = { inspect: async () => ({ Containers: {} }) };
    const docker = {
      getEvents: async () => {
        this.#events = new PassThrough();
        return this.#events;
      },
      listNetworks: async () => [],
      listContainers: async () => [],
      getNetwork: () => handle,
    };
    return {
      docker: docker as unknown as Engine['docker'],
      endpoint: { url: 'unix:///fake', from: 'the test' },
      version: '0',
      apiVersion: '0',
    };
  };

  leave(): void {
    this.isAway = true;
    this.#events?.end();
  }
}

/** Real proxies on loopback, and no networks: what serve has of a gateway, without an engine. */
export class FakeGateways {
  readonly proxies = new Map<string, { proxy: EgressProxy; port: number }>();

  open: OpenGateway = async ({ policy, onEvent }) => {
    const proxy = createEgressProxy(policy, { onEvent: (event: ProxyEvent) => onEvent?.(event) });
    const { host, port } = await proxy.listen({ host: '127.0.0.1', port: 0, clients: ['127.0.0.1/32'] });
    const id = randomBytes(6).toString('hex');
    this.proxies.set(id, { proxy, port });
    const close = async () => {
      await proxy.close();
      this.proxies.delete(id);
    };
    const gateway: Gateway = {
      id,
      network: { id: `network-${id}`, name: `jobgate-${id}`, subnet: '10.213.0.0/29', gateway: host },
      proxy: { host, port, url: `http://${host}:${port}` },
      failed: new Promise(() => {}),
      setContainer: () => {},
      figures: () => proxy.figures(),
      drain: (ms) => proxy.drain(ms).then(close),
      leave: (ms) => proxy.drain(ms).then(close),
      close,
      [Symbol.asyncDispose]: close,
    };
    return gateway;
  };
}

export interface TestService extends AsyncDisposable {
  readonly service: Service;
  readonly engine: FakeEngine;
  readonly gateways: FakeGateways;
  /** On 127.0.0.1. */
  readonly port: number;
}

/** A serve without an engine in this process, on a port of 127.0.0.1. */
export async function startService(
  flags: object = {},
  { token, env = {} }: { token?: string; env?: Record<string, string> } = {},
): Promise<TestService> {
  const engine = new FakeEngine();
  const gateways = new FakeGateways();
  const config = await loadConfig({ env, flags });
  const service = await Service.open({
    config,
    openGateway: gateways.open,
    logger: silentLogger,
    connect: engine.connect,
  });
  // Without a token, as on a socket of its owner's.
  const auth = new Auth(token === undefined ? { unix: true } : { unix: false, token });
  const app = await createServer({
    routes: serviceRoutes(service, auth),
    auth,
    logger: silentLogger,
    version: '0',
  });
  await listen(app.server, { kind: 'tcp', host: '127.0.0.1', port: 0 });
  await service.start();
  return {
    service,
    engine,
    gateways,
    port: (app.server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      await service.stop(0);
      await app.close();
    },
  };
}
