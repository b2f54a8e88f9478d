import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import type Dockerode from 'dockerode';
import type { Engine } from '../../docker/engine/engine.js';
import { EngineError } from '../../docker/engine/errors.js';
import type { Gateway, OpenGateway } from '../../docker/gateway/gateway.js';
import { type NetworkRecord, toLabels } from '../../docker/gateway/labels.js';
import type { OwnerRef } from '../../docker/gateway/owner.js';
import { createEgressProxy, type EgressProxy } from '../../proxy/egress-proxy.js';
import { type Logger, silentLogger } from '../../proxy/policy/logger.js';
import type { ProxyEvent } from '../../proxy/report/events.js';
import { loadConfig } from '../../src/config/load.js';
import { Auth } from '../../src/service/auth.js';
import { listen } from '../../src/service/listen.js';
import type { Parts } from '../../src/service/metrics/parts.js';
import { serviceRoutes } from '../../src/service/routes/all.js';
import { createServer } from '../../src/service/server.js';
import { Service } from '../../src/service/service.js';
import { Cleanup } from './cleanup.js';

/** An engine that has what a test puts there, and may be away. */
export class FakeEngine {
  isAway = false;
  /** As it says of itself. */
  version = '0';
  readonly networks: (Partial<Dockerode.NetworkInspectInfo> & { Id: string })[] = [];
  readonly containers: object[] = [];
  #events: PassThrough | undefined;

  /** A network that a serve made and left; its container runs. */
  addNetwork(
    owner: OwnerRef,
    record: Partial<NetworkRecord> = {},
    hex = randomBytes(6).toString('hex'),
  ): string {
    const Name = `jobgate-${hex}`;
    const whole = { kind: 'serve', job: 'job-1', allow: ['example.com'], rate: null, port: 13128 } as const;
    this.networks.push({
      ...{ Id: `network-${hex}`, Name, Driver: 'bridge', Internal: true },
      Options: { 'com.docker.network.bridge.name': `jg-${hex}` },
      IPAM: { Config: [{ Subnet: '10.213.0.0/29', Gateway: '10.213.0.1' }] },
      Labels: toLabels({ ...whole, owner, created: new Date(), ...record }),
    });
    this.containers.push({ Id: hex, Names: ['/job'], State: 'running', HostConfig: { NetworkMode: Name } });
    return hex;
  }

  connect = async (): Promise<Engine> => {
    if (this.isAway) throw new EngineError('no Docker engine answers at unix:///none: start Docker');
    const handle = (id: string) => ({
      inspect: async () => ({ Containers: {} }),
      remove: async () =>
        void this.networks.splice(
          this.networks.findIndex(({ Id }) => Id === id),
          1,
        ),
    });
    const docker = {
      getEvents: async () => {
        this.#events = new PassThrough();
        return this.#events;
      },
      info: async () => ({ ID: 'fake' }),
      listNetworks: async () => this.networks,
      listContainers: async () => this.containers,
      getNetwork: handle,
    };
    return {
      docker: docker as unknown as Engine['docker'],
      endpoint: { url: 'unix:///fake', from: 'the test' },
      version: this.version,
      product: 'Docker',
      apiVersion: '0',
    };
  };

  /** Tells it as an event. */
  tell(event: object): void {
    this.#events?.write(`${JSON.stringify(event)}\n`);
  }

  leave(): void {
    this.isAway = true;
    this.#events?.end();
  }
}

/** Real proxies on loopback, and no networks: what serve has of a gateway, without an engine. */
export class FakeGateways {
  readonly proxies = new Map<string, { proxy: EgressProxy; port: number }>();

  /** Why none can be opened. */
  problem: Error | undefined;
  /** Attempts to open one. */
  asked = 0;

  open: OpenGateway = async ({ policy, onEvent, existing, ledger }) => {
    this.asked++;
    if (this.problem) throw this.problem;
    const proxy = createEgressProxy(policy, {
      onEvent: (event: ProxyEvent) => onEvent?.(event),
      ...(ledger && { ledger }),
    });
    const { host, port } = await proxy.listen({ host: '127.0.0.1', port: 0, clients: ['127.0.0.1/32'] });
    const name = existing?.name ?? `jobgate-${randomBytes(6).toString('hex')}`;
    const id = name.replace(/^jobgate-/, '');
    this.proxies.set(id, { proxy, port });
    const close = async () => {
      await proxy.close();
      this.proxies.delete(id);
    };
    const gateway: Gateway = {
      id,
      network: { id: `network-${id}`, name, subnet: '10.213.0.0/29', gateway: host },
      proxy: { host, port, url: `http://${host}:${port}` },
      failed: new Promise(() => {}),
      setContainer: () => {},
      change: (change) => proxy.change(change),
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
  /** Cuts the connections that its API has. */
  cut(): void;
}

interface StartOptions {
  readonly token?: string;
  /** On host:port, where a token could be asked for, but there is none. */
  readonly noToken?: boolean;
  readonly env?: Record<string, string>;
  readonly engine?: FakeEngine;
  readonly gateways?: FakeGateways;
  readonly logger?: Logger;
  readonly parts?: Parts;
}

const BROKEN = { time: Date.UTC(2030, 0, 31, 12), problem: 'a rule is missing' };

/** As a serve has them that has all. */
export const ALL_PARTS: Parts = {
  workers: () => ({ running: 2, deaths: 0, processes: [{ pid: process.pid, proxies: 3 }] }),
  lockdown: () => ({ checks: 0, repairs: 0, failures: 0, standing: BROKEN }),
  gate: () => true,
};

/** A serve without an engine in this process, on a port of 127.0.0.1. */
export async function startService(
  flags: object = {},
  { token, noToken = false, env = {}, ...given }: StartOptions = {},
): Promise<TestService> {
  const { engine = new FakeEngine(), gateways = new FakeGateways(), logger = silentLogger, parts } = given;
  const started = new Cleanup();
  try {
    let all: object = flags;
    if (!('stateDirectory' in flags)) {
      const stateDirectory = await mkdtemp(join(tmpdir(), 'jobgate-state-'));
      started.add(() => rm(stateDirectory, { recursive: true }));
      all = { ...flags, stateDirectory };
    }
    const config = await loadConfig({ env, flags: all });
    const service = await Service.open({
      config,
      openGateway: gateways.open,
      logger,
      connect: engine.connect,
      ...(parts && { parts }),
    });
    // Without a token, as on a socket of its owner's.
    const auth = new Auth(token === undefined ? { unix: !noToken } : { unix: false, token });
    const app = await createServer({
      routes: serviceRoutes(service, auth),
      auth,
      logger,
      version: '0',
    });
    started.add(() => app.close());
    started.add(() => service.stop(0));
    await listen(app.server, { kind: 'tcp', host: '127.0.0.1', port: 0 });
    await service.start();
    return {
      service,
      engine,
      gateways,
      port: (app.server.address() as AddressInfo).port,
      cut: () => app.server.closeAllConnections(),
      [Symbol.asyncDispose]: () => started[Symbol.asyncDispose](),
    };
  } catch (error) {
    await started[Symbol.asyncDispose]();
    throw error;
  }
}
