import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { listen, listenOnSocket, parseSocketPath } from '../../../src/service/listen.js';
import { Cleanup } from '../../support/cleanup.js';
import { ask } from '../../support/serve.js';
import { startService } from '../../support/service.js';

describe('where the API listens', () => {
  let cleanup: Cleanup;
  let path: string;
  beforeEach(() => {
    cleanup = new Cleanup();
    const folder = mkdtempSync(join(tmpdir(), 'jobgate-listen-'));
    cleanup.add(() => rmSync(folder, { recursive: true }));
    path = join(folder, 'api.sock');
  });
  afterEach(() => cleanup[Symbol.asyncDispose]());

  const newServer = (handle: RequestListener = (_request, response) => response.end('ok')) => {
    const server = createServer(handle);
    cleanup.add(() => server.close());
    return server;
  };

  it("is its owner's only, whatever the umask", async () => {
    const before = process.umask(0);
    cleanup.add(() => process.umask(before));
    await listen(newServer(), { kind: 'unix', path });
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(process.umask()).toBe(0);
    expect((await ask(path, '/')).body).toBe('ok');
  });

  it('may be let to a group, by a mode of the operator', async () => {
    await listenOnSocket(newServer(), path, {
      flag: '--gate',
      mode: 0o660,
      group: String(process.getgid?.() ?? 0),
    });
    expect(statSync(path).mode & 0o777).toBe(0o660);
    expect(statSync(path).gid).toBe(process.getgid?.());
    const none = listenOnSocket(newServer(), `${path}2`, { flag: '--gate', group: 'no-such-group' });
    await expect(none).rejects.toThrow(/--gate unix:.*: there is no group no-such-group/);
  });

  it.each([
    ['unix:/run/docker.sock', '/run/docker.sock'],
    ['unix:///run/docker.sock', '/run/docker.sock'],
  ])('%s is a socket', (text, socket) => {
    expect(parseSocketPath(text, { flag: '--gate', example: 'docker.sock' })).toBe(socket);
  });

  it.each(['tcp://127.0.0.1:1', '/run/docker.sock', 'unix://run/docker.sock', 'unix:relative'])(
    '%s is none',
    (text) => {
      expect(() => parseSocketPath(text, { flag: '--gate', example: 'docker.sock' })).toThrow(
        /--gate .*: write an absolute path.*unix:\/run\/jobgate\/docker\.sock/,
      );
    },
  );

  it('is not the socket of a program that lives, nor a file; that of a dead one is replaced', async () => {
    const first = newServer((_request, response) => response.end('first'));
    await listen(first, { kind: 'unix', path });
    await expect(listen(newServer(), { kind: 'unix', path })).rejects.toThrow(
      'another program listens there',
    );
    expect((await ask(path, '/')).body).toBe('first');
    // What kill -9 leaves.
    const { spawn } = await import('node:child_process');
    const stale = `${path}2`;
    const script = `require('net').createServer().listen(${JSON.stringify(stale)}, () => process.kill(process.pid, 'SIGKILL'))`;
    await once(spawn(process.execPath, ['-e', script]), 'exit');
    expect(statSync(stale).isSocket()).toBe(true);
    await listen(newServer(), { kind: 'unix', path: stale });
    expect((await ask(stale, '/')).body).toBe('ok');
    writeFileSync(`${path}3`, 'data');
    await expect(listen(newServer(), { kind: 'unix', path: `${path}3` })).rejects.toThrow('no socket');
  });

  it('is no target of a job, also where the operator excepts the address', async () => {
    const { port, gateways } = cleanup.use(await startService({ allowAddress: ['127.0.0.0/8'] }));
    const other = newServer();
    await once(other.listen(0, '127.0.0.1'), 'listening');
    const otherPort = (other.address() as AddressInfo).port;
    const Domains = ['127.0.0.1', `127.0.0.1:${port}`, `127.0.0.1:${otherPort}`];
    expect((await ask(port, '/v1/gateways', { body: { jobId: 'job-1', network: { Domains } } })).status).toBe(
      201,
    );
    const [proxy] = gateways.proxies.values();
    const through = (target: number) => ask(proxy?.port ?? 0, `http://127.0.0.1:${target}/healthz`);
    expect((await through(otherPort)).body).toBe('ok');
    expect(await through(port)).toMatchObject({ status: 403, headers: { 'x-jobgate-deny': 'proxy-loop' } });
  });
});
