import { inspect } from 'node:util';
import { afterEach, beforeAll, beforeEach, describe, expect, it, type TestContext } from 'vitest';
import { basicAuthorization } from '../../../proxy/policy/upstream.js';
import { APT_MS } from '../../support/apt.js';
import { debianBinary } from '../../support/debian-binary.js';
import { type RealProxyKind, type RealProxyOptions, startRealProxy } from '../../support/real-proxy.js';
import { closedPort } from '../../support/silent-listener.js';
import { authority, judged, read, Upstreams } from './upstreams.js';

let opened: Upstreams;
beforeEach(() => {
  opened = new Upstreams();
});
afterEach(() => opened[Symbol.asyncDispose]());

describe('against real proxies', () => {
  const binaries: Partial<Record<RealProxyKind, string | undefined>> = {};
  beforeAll(async () => {
    for (const kind of ['tinyproxy', 'microsocks'] as const) binaries[kind] = await debianBinary(kind);
  }, APT_MS);

  const credentials = { username: 'user', password: 'hunter2' };

  async function proxy(context: TestContext, options: RealProxyOptions): Promise<number> {
    const binary = binaries[options.kind];
    if (!binary) return context.skip(`${options.kind} cannot be had here`);
    const started = await startRealProxy(binary, options);
    opened.add(() => started.close());
    return started.port;
  }

  /** Reached as `localhost`, which every resolver knows, in whichever family it prefers. */
  async function localOrigin(): Promise<number> {
    const port = await opened.greeter('127.0.0.1');
    await opened.greeter('::1', port).catch(() => {});
    return port;
  }

  it('tinyproxy: tunnels by name, with credentials', async (context) => {
    const port = await proxy(context, { kind: 'tinyproxy', credentials });
    const target = { authority: authority(`localhost:${await localOrigin()}`), addresses: [] };
    await opened.echoes(await opened.dialler(`http://user:hunter2@127.0.0.1:${port}`).dial(target));
    const wrong = opened.dialler(`http://user:wrong@127.0.0.1:${port}`);
    const [result] = await Promise.allSettled([wrong.dial(target)]);
    expect(result).toMatchObject({
      reason: { reason: 'upstream-failed', code: expect.stringMatching(/^HTTP_40[17]$/) },
    });
    expect(inspect(result, { depth: 9 })).not.toMatch(/wrong/);
  });

  it('tinyproxy: plain requests in absolute form, where it refuses CONNECT to their port', async (context) => {
    const port = await proxy(context, { kind: 'tinyproxy', credentials, connectPorts: [443] });
    const origin = await opened.serve((socket) => {
      socket.once('data', () =>
        socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok'),
      );
    });
    const upstream = opened.dialler(`http://user:hunter2@127.0.0.1:${port}`);
    await expect(
      upstream.dial({ authority: authority(`127.0.0.1:${origin}`), addresses: judged('127.0.0.1') }),
    ).rejects.toMatchObject({ reason: 'upstream-failed', code: 'HTTP_403' });
    const socket = await upstream.dialForward();
    const authorization = basicAuthorization({ username: 'user', password: 'hunter2' });
    opened.add(() => socket.destroy());
    socket.write(
      `GET http://127.0.0.1:${origin}/ HTTP/1.1\r\nHost: 127.0.0.1:${origin}\r\nProxy-Authorization: ${authorization}\r\n\r\n`,
    );
    expect(await read(socket, '\r\n\r\nok')).toMatch(/^HTTP\/1\.[01] 200 /);
  });

  it('tinyproxy: an origin that refuses is upstream-failed', async (context) => {
    const port = await proxy(context, { kind: 'tinyproxy' });
    const target = {
      authority: authority(`127.0.0.1:${await closedPort()}`),
      addresses: judged('127.0.0.1'),
    };
    await expect(opened.dialler(`http://127.0.0.1:${port}`).dial(target)).rejects.toMatchObject({
      reason: 'upstream-failed',
      code: expect.stringMatching(/^HTTP_5/),
    });
  });

  it.for(['socks5', 'socks5h'])('microsocks: %s, with and without credentials', async (scheme, context) => {
    const plain = await proxy(context, { kind: 'microsocks' });
    const locked = await proxy(context, { kind: 'microsocks', credentials });
    const origin = await localOrigin();
    const target =
      scheme === 'socks5'
        ? { authority: authority(`origin.test:${origin}`), addresses: judged('127.0.0.1') }
        : { authority: authority(`localhost:${origin}`), addresses: [] };
    await opened.echoes(await opened.dialler(`${scheme}://127.0.0.1:${plain}`).dial(target));
    await opened.echoes(await opened.dialler(`${scheme}://user:hunter2@127.0.0.1:${locked}`).dial(target));
    for (const user of ['user:wrong@', '']) {
      const [result] = await Promise.allSettled([
        opened.dialler(`${scheme}://${user}127.0.0.1:${locked}`).dial(target),
      ]);
      expect(result).toMatchObject({ reason: { reason: 'upstream-failed' } });
      expect(inspect(result, { depth: 9 })).not.toMatch(/wrong/);
    }
  });

  it('microsocks: an origin that refuses is connect-failed, and the next judged address is tried', async (context) => {
    const port = await proxy(context, { kind: 'microsocks' });
    const upstream = opened.dialler(`socks5://127.0.0.1:${port}`);
    const refused = { authority: authority(`o.test:${await closedPort()}`), addresses: judged('127.0.0.1') };
    await expect(upstream.dial(refused)).rejects.toMatchObject({
      reason: 'connect-failed',
      code: 'ConnectionRefused',
    });
    const target = {
      authority: authority(`o.test:${await opened.greeter()}`),
      addresses: judged('127.0.0.2', '127.0.0.1'),
    };
    await opened.echoes(await upstream.dial(target));
  });
});
