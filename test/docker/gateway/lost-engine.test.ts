import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import Dockerode from 'dockerode';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type StartedContainer, startContainer } from '../../../docker/engine/container.js';
import { EngineError } from '../../../docker/engine/errors.js';
import { createProxyContainer } from '../../../docker/gateway/proxy-container.js';

describe('a container whose engine', () => {
  let dir: string;
  let server: Server;
  let running: boolean;
  const sockets = new Set<Socket>();

  // As an engine answers: the head for `wait` comes at once, its body when the container has ended.
  beforeEach(async () => {
    running = true;
    dir = mkdtempSync(join(tmpdir(), 'lost-engine-'));
    server = createServer((request, response) => {
      const json = (value: unknown) => response.end(JSON.stringify(value));
      if (request.url?.includes('/wait')) return void response.writeHead(200).flushHeaders();
      if (request.url?.includes('/create')) return void json({ Id: 'abc' });
      if (request.url?.endsWith('/connect')) return void json({});
      if (request.url?.endsWith('/json')) return void json({ State: { Running: running, ExitCode: 5 } });
      response.writeHead(204).end();
    });
    server.on('connection', (socket) => sockets.add(socket));
    server.on('upgrade', (_request, socket) => {
      socket.write('HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n');
    });
    server.listen(join(dir, 'socket'));
    await once(server, 'listening');
  });
  afterEach(async () => {
    hangUp();
    server.close();
    rmSync(dir, { recursive: true, force: true });
  });

  const hangUp = () => {
    for (const socket of sockets) socket.destroy();
    sockets.clear();
  };
  const start = (): Promise<StartedContainer> =>
    startContainer(
      new Dockerode({ socketPath: join(dir, 'socket') }),
      { Image: 'image' },
      { stdout: new PassThrough(), stderr: new PassThrough() },
    );

  it('dies is lost, not waited for', async () => {
    const { exited } = await start();
    server.close();
    hangUp();
    await expect(exited).rejects.toThrow(/the engine lost the container/);
  });

  it('dies, with a gateway in it: its gateway is told so', async () => {
    const container = await createProxyContainer(new Dockerode({ socketPath: join(dir, 'socket') }), {
      ...{ name: 'proxy', image: 'image', network: 'network', address: '10.0.0.2', outside: 'bridge' },
      lowPorts: true,
    });
    await container.start(async () => {});
    hangUp();
    const why = await container.ended;
    expect(why.message).toContain('the engine lost it');
    // Which is no fault of the gateway's own: it is opened again when the engine is back.
    expect(why).toBeInstanceOf(EngineError);
  });

  it('comes back is asked what became of it', async () => {
    const { exited } = await start();
    hangUp();
    setTimeout(() => {
      running = false;
    }, 2500);
    expect(await exited).toBe(5);
  });
});
