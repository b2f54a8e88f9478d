import { randomBytes } from 'node:crypto';
import { createServer, type Server, type Socket } from 'node:net';
import { vi } from 'vitest';
import { isolatedOptions } from '../../docker/engine/container.js';
import { type Engine, openEngine } from '../../docker/engine/engine.js';
import { containerName, type Owner } from '../../docker/gateway/owner.js';
import { type Subnet, SubnetPool } from '../../docker/gateway/subnet-pool.js';
import { rangesInUse } from '../../docker/host/host-net.js';
import type { Cleanup } from './cleanup.js';
import { docker, JOB_IMAGE } from './e2e.js';

/** Starts a container as a job's on an isolated network is made, that does nothing. @returns its name */
export async function startIsolated(
  engine: Engine,
  network: string,
  owner: Owner,
  cleanup: Cleanup,
): Promise<string> {
  const name = containerName(owner);
  const container = await engine.docker.createContainer({
    name,
    Image: JOB_IMAGE,
    Cmd: ['sleep', '600'],
    ...isolatedOptions(network),
  });
  cleanup.add(() => container.remove({ force: true }).catch(() => {}));
  await container.start();
  return name;
}

/** Starts a container with Docker's own defaults. @returns its name */
export async function startPlain(cleanup: Cleanup, ...args: string[]): Promise<string> {
  const name = `jobgate-test-${randomBytes(4).toString('hex')}`;
  cleanup.add(() => docker('rm', '-f', name).catch(() => {}));
  await docker('run', '-d', '--name', name, ...args);
  return name;
}

export interface ControlNetwork extends Subnet {
  readonly name: string;
  readonly bridge: string;
}

/**
 * A network that differs from an isolated one in nothing but its bridge's name, so that the lock-down's rules are not
 * for it: shows what they do.
 */
export async function startControlNetwork(cleanup: Cleanup): Promise<ControlNetwork> {
  const random = randomBytes(4).toString('hex');
  const [name, bridge] = [`jobgate-test-${random}`, `jx-${random}`];
  const taken = rangesInUse();
  const [subnet] = new SubnetPool().free(taken);
  if (!subnet) throw new Error('no subnet is free');
  cleanup.add(() => docker('network', 'rm', name).catch(() => {}));
  const option = (text: string) => ['-o', `com.docker.network.bridge.${text}`];
  await docker(
    ...['network', 'create', '--internal', '--subnet', subnet.cidr, '--gateway', subnet.gateway],
    ...option(`name=${bridge}`),
    ...option('enable_ip_masquerade=false'),
    name,
  );
  return { name, bridge, ...subnet };
}

/** A TCP server that greets. */
export async function listen(cleanup: Cleanup, host: string, port = 0): Promise<number> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.end('hello\n');
  });
  // The worker of a jobgate that was killed has the port for a moment more.
  await vi.waitFor(
    () =>
      new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen({ host, port, ipv6Only: host === '::' }, resolve);
      }),
  );
  cleanup.add(() => {
    for (const socket of sockets) socket.destroy();
    return new Promise((resolve) => server.close(resolve));
  });
  return (server.address() as { port: number }).port;
}

export { type Engine, openEngine };
