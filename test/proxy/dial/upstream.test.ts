import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, it, type TestContext } from 'vitest';
import { createDialler, type Dialler, type DiallerOptions } from '../../../proxy/dial/dialler.js';
import { type Authority, parseConnectTarget } from '../../../proxy/policy/authority.js';
import type { JudgedAddress } from '../../../proxy/policy/judged.js';
import {
  basicAuthorization,
  formatUpstream,
  parseUpstream,
  redactUpstream,
  type Upstream,
} from '../../../proxy/policy/upstream.js';
import { Cancellation } from '../../../proxy/util/cancellation.js';
import { upstreamCredentials } from '../../../src/config/upstream-credentials.js';
import { APT_MS } from '../../support/apt.js';
import { startDnsServer } from '../../support/dns-server.js';
import {
  type RealProxyBinaries,
  type RealProxyOptions,
  realProxyBinaries,
  startRealProxy,
} from '../../support/real-proxy.js';
import { closedPort, startSilentListener } from '../../support/silent-listener.js';

const cleanups: (() => unknown)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

function authority(target: string): Authority {
  const parsed = parseConnectTarget(target);
  if (!parsed.ok) throw new Error(parsed.problem);
  return parsed.value;
}

function judged(...addresses: string[]): JudgedAddress[] {
  return addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }) as JudgedAddress);
}

function upstreamOf(text: string): Upstream {
  const parsed = parseUpstream(text);
  if (!parsed.ok) throw new Error(parsed.problem);
  return parsed.value;
}

function dialler(upstream: string, options: Omit<DiallerOptions, 'upstream'> = {}): Dialler {
  const created = createDialler({ upstream: upstreamOf(upstream), ...options });
  cleanups.push(() => created.close());
  return created;
}

/** A server on loopback, `host` or both families; ends with the test. */
async function serve(onSocket: (socket: Socket) => void, host = '127.0.0.1', port = 0): Promise<number> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    cleanups.push(() => socket.destroy());
    socket.on('error', () => {});
    onSocket(socket);
  });
  server.listen(port, host);
  await once(server, 'listening');
  cleanups.push(() => new Promise((done) => server.close(done)));
  return (server.address() as { port: number }).port;
}

/** An upstream proxy that answers the head of a request with these pieces. */
function scripted(...pieces: string[]): Promise<number> {
  return serve((socket) => {
    let head = '';
    socket.on('data', async (chunk) => {
      const before = head;
      head += chunk.toString('latin1');
      heads.push(head);
      if (before.includes('\r\n\r\n') || !head.includes('\r\n\r\n')) return;
      for (const piece of pieces) {
        socket.write(piece, 'latin1');
        await new Promise((done) => setTimeout(done, 15));
      }
    });
  });
}
let heads: string[] = [];
afterEach(() => {
  heads = [];
});

/** Greets, so that bytes follow the proxy's answer directly, then echoes. */
function greeter(host?: string, port?: number): Promise<number> {
  return serve(
    (socket) => {
      socket.write('hello from the origin\n');
      socket.pipe(socket);
    },
    host,
    port,
  );
}

async function read(socket: Socket, enough: string): Promise<string> {
  let all = '';
  for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
    all += (chunk as Buffer).toString('latin1');
    if (all.includes(enough)) break;
  }
  return all;
}

async function echoes(socket: Socket): Promise<void> {
  cleanups.push(() => socket.destroy());
  // Later than any timer of the handshake: nothing may be lost while nobody listens.
  await new Promise((done) => setTimeout(done, 30));
  expect(await read(socket, '\n')).toBe('hello from the origin\n');
  socket.write('ping\n');
  expect(await read(socket, '\n')).toBe('ping\n');
}

describe('an HTTP upstream', () => {
  it('gets CONNECT with the name, unresolved, and the credentials', async () => {
    const port = await scripted('HTTP/1.1 200 Connection established\r\n\r\n');
    const upstream = dialler(`http://us%65r:p%40ss@127.0.0.1:${port}`);
    expect(upstream).toMatchObject({ resolvesNames: true, forwardsRequests: true });
    const socket = await upstream.dial({ authority: authority('origin.test:443'), addresses: [] });
    cleanups.push(() => socket.destroy());
    expect(heads.at(-1)).toBe(
      'CONNECT origin.test:443 HTTP/1.1\r\nHost: origin.test:443\r\n' +
        `Proxy-Authorization: Basic ${Buffer.from('user:p@ss').toString('base64')}\r\n\r\n`,
    );
    expect(socket.allowHalfOpen).toBe(true);
  });

  it.each([
    ['2001:db8::1', 'CONNECT [2001:db8::1]:8443 HTTP/1.1\r\nHost: [2001:db8::1]:8443\r\n\r\n'],
    ['198.51.100.1', 'CONNECT 198.51.100.1:8443 HTTP/1.1\r\nHost: 198.51.100.1:8443\r\n\r\n'],
  ])('gets the literal %s as it was judged', async (address, head) => {
    const port = await scripted('HTTP/1.0 200 OK\r\n\r\n');
    const target = address.includes(':') ? `[${address}]:8443` : `${address}:8443`;
    const socket = await dialler(`http://127.0.0.1:${port}`).dial({
      authority: authority(target),
      addresses: judged(address),
    });
    cleanups.push(() => socket.destroy());
    expect(heads.at(-1)).toBe(head);
  });

  it('loses no byte that follows its answer, however the answer is cut', async () => {
    const answer = 'HTTP/1.1 200 OK\r\nVia: x\r\n\r\nhello from the origin\n';
    const cuts = [
      [answer],
      [...answer],
      [answer.slice(0, 26), answer.slice(26)],
      [answer.slice(0, -4), answer.slice(-4)],
    ];
    for (const pieces of cuts) {
      const port = await scripted(...pieces);
      const socket = await dialler(`http://127.0.0.1:${port}`).dial({
        authority: authority('o.test:443'),
        addresses: [],
      });
      cleanups.push(() => socket.destroy());
      expect(await read(socket, '\n')).toBe('hello from the origin\n');
    }
  });

  it('hands bytes over to a flowing reader as well', async () => {
    const port = await scripted('HTTP/1.1 200 OK\r\n\r\nhel', 'lo\n');
    const socket = await dialler(`http://127.0.0.1:${port}`).dial({
      authority: authority('o.test:443'),
      addresses: [],
    });
    cleanups.push(() => socket.destroy());
    let all = '';
    await new Promise<void>((done) => {
      socket.on('data', (chunk) => {
        all += chunk;
        if (all.includes('\n')) done();
      });
    });
    expect(all).toBe('hello\n');
  });

  it.each([
    ['407', 'HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 6\r\n\r\nsecret', 'HTTP_407'],
    ['403', 'HTTP/1.1 403 Forbidden\r\n\r\n', 'HTTP_403'],
    ['502', 'HTTP/1.1 502 Bad Gateway\r\n\r\n', 'HTTP_502'],
    ['a redirect', 'HTTP/1.1 302 Found\r\nLocation: http://x.test/\r\n\r\n', 'HTTP_302'],
    ['a status that is not HTTP/1', 'SSH-2.0-OpenSSH_9\r\n\r\n', undefined],
    ['an endless head', `HTTP/1.1 200 OK\r\n${'X: y\r\n'.repeat(4000)}`, undefined],
  ])(
    'that answers with %s fails: upstream-failed, nothing of the answer goes to the job',
    async (_, answer, code) => {
      const port = await scripted(answer);
      const upstream = dialler(`http://127.0.0.1:${port}`);
      const [result] = await Promise.allSettled([
        upstream.dial({ authority: authority('o.test:443'), addresses: [] }),
      ]);
      expect(result).toMatchObject({ reason: { name: 'DialError', reason: 'upstream-failed', code } });
      expect(inspect(result)).not.toContain('secret');
    },
  );

  it('that hangs up fails at once', async () => {
    const port = await serve((socket) => socket.destroy());
    await expect(
      dialler(`http://127.0.0.1:${port}`).dial({ authority: authority('o.test:443'), addresses: [] }),
    ).rejects.toMatchObject({ reason: 'upstream-failed' });
  });

  it('that is not there fails: upstream-failed, without credentials in the message', async () => {
    const upstream = dialler(`http://user:hunter2@127.0.0.1:${await closedPort()}`);
    const [result] = await Promise.allSettled([
      upstream.dial({ authority: authority('o.test:443'), addresses: [] }),
    ]);
    expect(result).toMatchObject({ reason: { reason: 'upstream-failed', code: 'ECONNREFUSED' } });
    expect(inspect(result, { depth: 9 })).not.toMatch(/hunter2|user/);
  });

  it('that accepts and stays silent: connect-timeout in time, and the connection is closed', async () => {
    let closed: Promise<unknown> | undefined;
    const port = await serve((socket) => {
      socket.resume();
      closed = once(socket, 'close');
      socket.on('end', () => socket.end());
    });
    const upstream = dialler(`http://127.0.0.1:${port}`);
    await expect(
      upstream.dial({ authority: authority('o.test:443'), addresses: [] }, { timeoutMs: 150 }),
    ).rejects.toMatchObject({ reason: 'connect-timeout' });
    await closed;
  });

  it('that does not even accept: upstream-failed in time', async () => {
    const silent = await startSilentListener('127.0.0.2');
    cleanups.push(() => silent?.close());
    const upstream = dialler(`http://127.0.0.2:${silent?.port}`);
    await expect(
      upstream.dial({ authority: authority('o.test:443'), addresses: [] }, { timeoutMs: 150 }),
    ).rejects.toMatchObject({ reason: 'upstream-failed', code: 'timeout' });
  });

  it('is left at once when the client leaves', async () => {
    let closed: Promise<unknown> | undefined;
    const cancel = new Cancellation();
    const port = await serve((socket) => {
      socket.resume();
      closed = once(socket, 'close');
      socket.on('end', () => socket.end());
      cancel.cancel(new Error('client left'));
    });
    const upstream = dialler(`http://127.0.0.1:${port}`);
    await expect(
      upstream.dial({ authority: authority('o.test:443'), addresses: [] }, { cancel }),
    ).rejects.toThrow('client left');
    await closed;
  });

  it('takes plain requests in absolute form: a connection to itself', async () => {
    const port = await scripted('HTTP/1.1 200 OK\r\n\r\n');
    const socket = await dialler(`http://127.0.0.1:${port}`).dialForward();
    cleanups.push(() => socket.destroy());
    expect(socket.remotePort).toBe(port);
    await expect(dialler(`socks5://127.0.0.1:${port}`).dialForward()).rejects.toThrow(TypeError);
    await expect(createDialler().dialForward()).rejects.toThrow(TypeError);
  });
});

describe('a SOCKS5 upstream', () => {
  /** Grants everything, with the origin's first bytes in the same segment as its answer. */
  function granting(onRequest: (request: Buffer) => void): Promise<number> {
    return serve((socket) => {
      socket.once('data', () => {
        socket.write(Buffer.from([5, 0]));
        socket.once('data', (request) => {
          onRequest(request as Buffer);
          socket.write(
            Buffer.concat([
              Buffer.from([5, 0, 0, 1, 0, 0, 0, 0, 0, 0]),
              Buffer.from('hello from the origin\n'),
            ]),
          );
          socket.pipe(socket);
        });
      });
    });
  }

  it('socks5: gets the judged address, and loses no byte that follows its answer', async () => {
    let request: Buffer = Buffer.alloc(0);
    const port = await granting((bytes) => {
      request = bytes;
    });
    const upstream = dialler(`socks5://127.0.0.1:${port}`);
    expect(upstream).toMatchObject({ resolvesNames: false, forwardsRequests: false });
    await echoes(
      await upstream.dial({ authority: authority('origin.test:443'), addresses: judged('198.51.100.1') }),
    );
    expect([...request]).toEqual([5, 1, 0, 1, 198, 51, 100, 1, 443 >> 8, 443 & 255]);
  });

  it('socks5h: gets the name, unresolved', async () => {
    let request: Buffer = Buffer.alloc(0);
    const port = await granting((bytes) => {
      request = bytes;
    });
    const upstream = dialler(`socks5h://127.0.0.1:${port}`);
    expect(upstream).toMatchObject({ resolvesNames: true, forwardsRequests: false });
    await echoes(await upstream.dial({ authority: authority('origin.test:443'), addresses: [] }));
    expect(request.subarray(0, 5 + 11)).toEqual(Buffer.from('\x05\x01\x00\x03\x0borigin.test', 'latin1'));
  });

  it('that stays silent in the middle: connect-timeout, and the connection is closed', async () => {
    let closed: Promise<unknown> | undefined;
    const port = await serve((socket) => {
      socket.once('data', () => socket.write(Buffer.from([5, 0])));
      closed = once(socket, 'close');
      socket.on('end', () => socket.end());
    });
    const target = { authority: authority('o.test:443'), addresses: judged('198.51.100.1') };
    await expect(
      dialler(`socks5://127.0.0.1:${port}`).dial(target, { timeoutMs: 150 }),
    ).rejects.toMatchObject({
      reason: 'connect-timeout',
    });
    await closed;
  });

  it('that is no SOCKS proxy: upstream-failed', async () => {
    const port = await serve((socket) => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n'));
    await expect(
      dialler(`socks5h://127.0.0.1:${port}`).dial({ authority: authority('o.test:443'), addresses: [] }),
    ).rejects.toMatchObject({ reason: 'upstream-failed' });
  });
});

describe("the upstream's own address", () => {
  it('is known by address, and is no target for jobs', async () => {
    const port = await closedPort();
    const upstream = dialler(`socks5://127.0.0.1:${port}`);
    expect(upstream.ownTargets()).toEqual([{ host: '127.0.0.1', port }]);
    expect(upstream.isUpstream(authority(`127.0.0.1:${port}`))).toBe(true);
    expect(upstream.isUpstream(authority('127.0.0.1:443'))).toBe(false);
    await expect(
      upstream.dial({ authority: authority(`127.0.0.1:${port}`), addresses: judged('127.0.0.1') }),
    ).rejects.toThrow('the upstream proxy itself');
    expect(createDialler().isUpstream(authority('127.0.0.1:443'))).toBe(false);
  });

  it('given by name is resolved on start, again by TTL, and is no target under either', async () => {
    const port = await scripted('HTTP/1.1 200 OK\r\n\r\n');
    const dns = await startDnsServer({
      records: {
        'proxy.test': [
          { addresses: ['127.0.0.9'], ttl: 0 },
          { addresses: ['127.0.0.1'], ttl: 60 },
        ],
      },
    });
    cleanups.push(() => dns.close());
    const upstream = dialler(`http://proxy.test:${port}`, { dns: { kind: 'server', text: dns.address } });
    expect(upstream.isUpstream(authority(`proxy.test:${port}`))).toBe(true);
    await upstream.ready();
    expect(upstream.ownTargets()).toEqual([{ host: '127.0.0.9', port }]);
    for (let i = 0; i < 2; i++) {
      const socket = await upstream.dial({ authority: authority('o.test:443'), addresses: [] });
      cleanups.push(() => socket.destroy());
    }
    expect(upstream.ownTargets()).toEqual([{ host: '127.0.0.1', port }]);
    expect(dns.queries.filter((one) => one === 'proxy.test A')).toHaveLength(2);
  });

  it('that does not resolve: upstream-failed', async () => {
    const dns = await startDnsServer();
    cleanups.push(() => dns.close());
    const upstream = dialler('http://proxy.test:3128', { dns: { kind: 'server', text: dns.address } });
    await expect(upstream.ready()).rejects.toMatchObject({ reason: 'upstream-failed' });
    await expect(upstream.dial({ authority: authority('o.test:443'), addresses: [] })).rejects.toMatchObject({
      reason: 'upstream-failed',
    });
  });
});

describe('--upstream', () => {
  it.each([
    ['http://proxy.test:3128', 'http', 'proxy.test', 3128],
    ['http://proxy.test:3128/', 'http', 'proxy.test', 3128],
    ['HTTP://Proxy.Test.:3128', 'http', 'proxy.test', 3128],
    ['socks5://192.0.2.1:1080', 'socks5', '192.0.2.1', 1080],
    ['socks5h://[2001:DB8::1]:1080', 'socks5h', '2001:db8::1', 1080],
  ])('%s', (text, scheme, host, port) => {
    expect(parseUpstream(text)).toMatchObject({ ok: true, value: { scheme, authority: { host, port } } });
  });

  it.each([
    '',
    'proxy.test:3128',
    'http://proxy.test',
    'https://proxy.test:443',
    'socks4://proxy.test:1080',
    'http://proxy.test:3128/path',
    'http://proxy.test:3128?x',
    'http://user@proxy.test:3128',
    'http://:secret@proxy.test:3128',
    'http://user:sec%ret@proxy.test:3128',
    'http://user:sec%0d%0aret@proxy.test:3128',
    'http://us%3Aer:secret@proxy.test:3128',
    `socks5://user:${'secret'.repeat(50)}@proxy.test:1080`,
    'http://127.1:3128',
  ])('%j is refused in one line that says what to write and no secret', (text) => {
    const parsed = parseUpstream(text);
    expect(parsed).toMatchObject({ ok: false, problem: expect.stringContaining('write http://HOST:PORT') });
    expect(parsed.ok ? '' : parsed.problem).not.toMatch(/sec|[\r\n]/);
  });

  it('prints without credentials, and for a policy with them', () => {
    const parsed = parseUpstream('socks5://us%20er:p%40s:s@[2001:db8::1]:1080');
    if (!parsed.ok) throw new Error(parsed.problem);
    expect(parsed.value.credentials).toEqual({ username: 'us er', password: 'p@s:s' });
    expect(redactUpstream(parsed.value)).toBe('socks5://***@[2001:db8::1]:1080');
    expect(parseUpstream(formatUpstream(parsed.value))).toEqual(parsed);
    expect(dialler(formatUpstream(parsed.value)).upstream).toBe('socks5://***@[2001:db8::1]:1080');
  });

  it('takes credentials from a file or the environment, the file first', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'jobgate-credentials-'));
    cleanups.push(() => rm(directory, { recursive: true }));
    const file = join(directory, 'credentials');
    await writeFile(file, 'user:pa:ss %41\nrest\n');
    const fromFile = { username: 'user', password: 'pa:ss %41' };
    expect(upstreamCredentials({ file, env: 'other:pass' })).toEqual(fromFile);
    expect(upstreamCredentials({ env: 'other:pass' })).toEqual({ username: 'other', password: 'pass' });
    expect(upstreamCredentials({})).toBeUndefined();
    await writeFile(file, 'hunter2');
    expect(() => upstreamCredentials({ file })).toThrow(
      `${file}: the credentials of the upstream proxy are not USER:PASSWORD`,
    );
    expect(() => upstreamCredentials({ file: join(directory, 'missing') })).toThrow(
      'cannot be read (ENOENT)',
    );
    expect(() => upstreamCredentials({ env: 'hunter2' })).toThrow(/^the environment: (?!.*hunter2)/);
  });
});

describe('against real proxies', () => {
  let binaries: RealProxyBinaries | undefined;
  beforeAll(async () => {
    binaries = await realProxyBinaries();
  }, APT_MS);
  afterAll(() => binaries?.[Symbol.asyncDispose]());

  const credentials = { username: 'user', password: 'hunter2' };

  async function proxy(context: TestContext, options: RealProxyOptions): Promise<number> {
    if (!binaries?.path[options.kind]) context.skip(`${options.kind} cannot be had here`);
    const started = await startRealProxy(binaries, options);
    cleanups.push(() => started.close());
    return started.port;
  }

  /** Reached as `localhost`, which every resolver knows, in whichever family it prefers. */
  async function localOrigin(): Promise<number> {
    const port = await greeter('127.0.0.1');
    await greeter('::1', port).catch(() => {});
    return port;
  }

  it('tinyproxy: tunnels by name, with credentials', async (context) => {
    const port = await proxy(context, { kind: 'tinyproxy', credentials });
    const target = { authority: authority(`localhost:${await localOrigin()}`), addresses: [] };
    await echoes(await dialler(`http://user:hunter2@127.0.0.1:${port}`).dial(target));
    const wrong = dialler(`http://user:wrong@127.0.0.1:${port}`);
    const [result] = await Promise.allSettled([wrong.dial(target)]);
    expect(result).toMatchObject({
      reason: { reason: 'upstream-failed', code: expect.stringMatching(/^HTTP_40[17]$/) },
    });
    expect(inspect(result, { depth: 9 })).not.toMatch(/wrong/);
  });

  it('tinyproxy: plain requests in absolute form, where it refuses CONNECT to their port', async (context) => {
    const port = await proxy(context, { kind: 'tinyproxy', credentials, connectPorts: [443] });
    const origin = await serve((socket) => {
      socket.once('data', () =>
        socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok'),
      );
    });
    const upstream = dialler(`http://user:hunter2@127.0.0.1:${port}`);
    await expect(
      upstream.dial({ authority: authority(`127.0.0.1:${origin}`), addresses: judged('127.0.0.1') }),
    ).rejects.toMatchObject({ reason: 'upstream-failed', code: 'HTTP_403' });
    const socket = await upstream.dialForward();
    const authorization = basicAuthorization({ username: 'user', password: 'hunter2' });
    cleanups.push(() => socket.destroy());
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
    await expect(dialler(`http://127.0.0.1:${port}`).dial(target)).rejects.toMatchObject({
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
    await echoes(await dialler(`${scheme}://127.0.0.1:${plain}`).dial(target));
    await echoes(await dialler(`${scheme}://user:hunter2@127.0.0.1:${locked}`).dial(target));
    for (const user of ['user:wrong@', '']) {
      const [result] = await Promise.allSettled([
        dialler(`${scheme}://${user}127.0.0.1:${locked}`).dial(target),
      ]);
      expect(result).toMatchObject({ reason: { reason: 'upstream-failed' } });
      expect(inspect(result, { depth: 9 })).not.toMatch(/wrong/);
    }
  });

  it('microsocks: an origin that refuses is connect-failed, and the next judged address is tried', async (context) => {
    const port = await proxy(context, { kind: 'microsocks' });
    const upstream = dialler(`socks5://127.0.0.1:${port}`);
    const refused = { authority: authority(`o.test:${await closedPort()}`), addresses: judged('127.0.0.1') };
    await expect(upstream.dial(refused)).rejects.toMatchObject({
      reason: 'connect-failed',
      code: 'ConnectionRefused',
    });
    const target = {
      authority: authority(`o.test:${await greeter()}`),
      addresses: judged('127.0.0.2', '127.0.0.1'),
    };
    await echoes(await upstream.dial(target));
  });
});
