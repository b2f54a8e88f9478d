import { once } from 'node:events';
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createDialler } from '../../../proxy/dial/dialler.js';
import { Cancellation } from '../../../proxy/util/cancellation.js';
import { startDnsServer } from '../../support/dns-server.js';
import { startOrigin } from '../../support/origin.js';
import { startProxy } from '../../support/proxy.js';
import { denialOf, RawClient, statusOf } from '../../support/raw-client.js';
import { closedPort, startSilentListener } from '../../support/silent-listener.js';
import { authority, judged, read, Upstreams } from './upstreams.js';

let opened: Upstreams;
beforeEach(() => {
  opened = new Upstreams();
});
afterEach(() => opened[Symbol.asyncDispose]());

/** An upstream proxy that answers the head of a request with these pieces. */
function scripted(...pieces: string[]): Promise<number> {
  return opened.serve((socket) => {
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

describe('an HTTP upstream', () => {
  it('gets CONNECT with the name, unresolved, and the credentials', async () => {
    const port = await scripted('HTTP/1.1 200 Connection established\r\n\r\n');
    const upstream = opened.dialler(`http://us%65r:p%40ss@127.0.0.1:${port}`);
    expect(upstream).toMatchObject({ resolvesNames: true, forwardsRequests: true });
    const socket = await upstream.dial({ authority: authority('origin.test:443'), addresses: [] });
    opened.add(() => socket.destroy());
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
    const socket = await opened.dialler(`http://127.0.0.1:${port}`).dial({
      authority: authority(target),
      addresses: judged(address),
    });
    opened.add(() => socket.destroy());
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
      const socket = await opened.dialler(`http://127.0.0.1:${port}`).dial({
        authority: authority('o.test:443'),
        addresses: [],
      });
      opened.add(() => socket.destroy());
      expect(await read(socket, '\n')).toBe('hello from the origin\n');
    }
  });

  it('hands bytes over to a flowing reader as well', async () => {
    const port = await scripted('HTTP/1.1 200 OK\r\n\r\nhel', 'lo\n');
    const socket = await opened.dialler(`http://127.0.0.1:${port}`).dial({
      authority: authority('o.test:443'),
      addresses: [],
    });
    opened.add(() => socket.destroy());
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
      const upstream = opened.dialler(`http://127.0.0.1:${port}`);
      const [result] = await Promise.allSettled([
        upstream.dial({ authority: authority('o.test:443'), addresses: [] }),
      ]);
      expect(result).toMatchObject({ reason: { name: 'DialError', reason: 'upstream-failed', code } });
      expect(inspect(result)).not.toContain('secret');
    },
  );

  it('that hangs up fails at once', async () => {
    const port = await opened.serve((socket) => socket.destroy());
    await expect(
      opened.dialler(`http://127.0.0.1:${port}`).dial({ authority: authority('o.test:443'), addresses: [] }),
    ).rejects.toMatchObject({ reason: 'upstream-failed' });
  });

  it('that is not there fails: upstream-failed, without credentials in the message', async () => {
    const upstream = opened.dialler(`http://user:hunter2@127.0.0.1:${await closedPort()}`);
    const [result] = await Promise.allSettled([
      upstream.dial({ authority: authority('o.test:443'), addresses: [] }),
    ]);
    expect(result).toMatchObject({ reason: { reason: 'upstream-failed', code: 'ECONNREFUSED' } });
    expect(inspect(result, { depth: 9 })).not.toMatch(/hunter2|user/);
  });

  it('that accepts and stays silent: connect-timeout in time, and the connection is closed', async () => {
    let closed: Promise<unknown> | undefined;
    const port = await opened.serve((socket) => {
      socket.resume();
      closed = once(socket, 'close');
      socket.on('end', () => socket.end());
    });
    const upstream = opened.dialler(`http://127.0.0.1:${port}`);
    await expect(
      upstream.dial({ authority: authority('o.test:443'), addresses: [] }, { timeoutMs: 150 }),
    ).rejects.toMatchObject({ reason: 'connect-timeout' });
    await closed;
  });

  it('that does not even accept: upstream-failed in time', async () => {
    const silent = await startSilentListener('127.0.0.2');
    opened.add(() => silent?.close());
    const upstream = opened.dialler(`http://127.0.0.2:${silent?.port}`);
    await expect(
      upstream.dial({ authority: authority('o.test:443'), addresses: [] }, { timeoutMs: 150 }),
    ).rejects.toMatchObject({ reason: 'upstream-failed', code: 'timeout' });
  });

  it('is left at once when the client leaves', async () => {
    let closed: Promise<unknown> | undefined;
    const cancel = new Cancellation();
    const port = await opened.serve((socket) => {
      socket.resume();
      closed = once(socket, 'close');
      socket.on('end', () => socket.end());
      cancel.cancel(new Error('client left'));
    });
    const upstream = opened.dialler(`http://127.0.0.1:${port}`);
    await expect(
      upstream.dial({ authority: authority('o.test:443'), addresses: [] }, { cancel }),
    ).rejects.toThrow('client left');
    await closed;
  });

  it('takes plain requests in absolute form: a connection to itself', async () => {
    const port = await scripted('HTTP/1.1 200 OK\r\n\r\n');
    const socket = await opened.dialler(`http://127.0.0.1:${port}`).dialForward();
    opened.add(() => socket.destroy());
    expect(socket.remotePort).toBe(port);
    await expect(opened.dialler(`socks5://127.0.0.1:${port}`).dialForward()).rejects.toThrow(TypeError);
    await expect(createDialler().dialForward()).rejects.toThrow(TypeError);
  });
});

describe('a SOCKS5 upstream', () => {
  /** Grants everything, with the origin's first bytes in the same segment as its answer. */
  function granting(onRequest: (request: Buffer) => void): Promise<number> {
    return opened.serve((socket) => {
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
    const upstream = opened.dialler(`socks5://127.0.0.1:${port}`);
    expect(upstream).toMatchObject({ resolvesNames: false, forwardsRequests: false });
    await opened.echoes(
      await upstream.dial({ authority: authority('origin.test:443'), addresses: judged('198.51.100.1') }),
    );
    expect([...request]).toEqual([5, 1, 0, 1, 198, 51, 100, 1, 443 >> 8, 443 & 255]);
  });

  it('socks5h: gets the name, unresolved', async () => {
    let request: Buffer = Buffer.alloc(0);
    const port = await granting((bytes) => {
      request = bytes;
    });
    const upstream = opened.dialler(`socks5h://127.0.0.1:${port}`);
    expect(upstream).toMatchObject({ resolvesNames: true, forwardsRequests: false });
    await opened.echoes(await upstream.dial({ authority: authority('origin.test:443'), addresses: [] }));
    expect(request.subarray(0, 5 + 11)).toEqual(Buffer.from('\x05\x01\x00\x03\x0borigin.test', 'latin1'));
  });

  it('that stays silent in the middle: connect-timeout, and the connection is closed', async () => {
    let closed: Promise<unknown> | undefined;
    const port = await opened.serve((socket) => {
      socket.once('data', () => socket.write(Buffer.from([5, 0])));
      closed = once(socket, 'close');
      socket.on('end', () => socket.end());
    });
    const target = { authority: authority('o.test:443'), addresses: judged('198.51.100.1') };
    await expect(
      opened.dialler(`socks5://127.0.0.1:${port}`).dial(target, { timeoutMs: 150 }),
    ).rejects.toMatchObject({
      reason: 'connect-timeout',
    });
    await closed;
  });

  it('is named without its credentials', () => {
    const upstream = opened.dialler('socks5://us%20er:p%40s:s@[2001:db8::1]:1080');
    expect(upstream.upstream).toBe('socks5://***@[2001:db8::1]:1080');
  });

  it('that is no SOCKS proxy: upstream-failed', async () => {
    const port = await opened.serve((socket) => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n'));
    await expect(
      opened
        .dialler(`socks5h://127.0.0.1:${port}`)
        .dial({ authority: authority('o.test:443'), addresses: [] }),
    ).rejects.toMatchObject({ reason: 'upstream-failed' });
  });
});

describe("the upstream's own address", () => {
  it('is known by address, and is no target for jobs', async () => {
    const port = await closedPort();
    const upstream = opened.dialler(`socks5://127.0.0.1:${port}`);
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
    opened.add(() => dns.close());
    const upstream = opened.dialler(`http://proxy.test:${port}`, {
      dns: { kind: 'server', text: dns.address },
    });
    expect(upstream.isUpstream(authority(`proxy.test:${port}`))).toBe(true);
    await upstream.ready();
    expect(upstream.ownTargets()).toEqual([{ host: '127.0.0.9', port }]);
    for (let i = 0; i < 2; i++) {
      const socket = await upstream.dial({ authority: authority('o.test:443'), addresses: [] });
      opened.add(() => socket.destroy());
    }
    expect(upstream.ownTargets()).toEqual([{ host: '127.0.0.1', port }]);
    expect(dns.queries.filter((one) => one === 'proxy.test A')).toHaveLength(2);
  });

  it('given by name is no target for plain requests', async () => {
    let seen = 0;
    await using upstream = await startOrigin((_, response) => {
      seen++;
      response.end('hello');
    });
    await using proxy = await startProxy({
      allow: ['.allowed.test'],
      upstream: `http://allowed.test:${upstream.port}`,
    });
    const good = await RawClient.exchange(
      proxy.port,
      'GET http://www.allowed.test/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
    );
    expect([statusOf(good), seen]).toEqual([200, 1]);
    const answer = await RawClient.exchange(
      proxy.port,
      `GET http://allowed.test:${upstream.port}/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`,
    );
    expect([denialOf(answer), seen]).toEqual(['proxy-loop', 1]);
  });

  it('given by name is no target by its address before it is known, nor by any other name of it', async () => {
    await using upstream = await startOrigin((_, response) => void response.end('hello'));
    await using dns = await startDnsServer({
      records: { 'proxy.test': { addresses: ['127.0.0.1'], delayMs: 200 }, '*': ['127.0.0.1'] },
    });
    await using proxy = await startProxy({
      allow: [`127.0.0.1:${upstream.port}`],
      upstream: `http://proxy.test:${upstream.port}`,
      dns: dns.address,
      addHosts: [],
    });
    const target = `127.0.0.1:${upstream.port}`;
    const answer = await RawClient.exchange(proxy.port, `CONNECT ${target} HTTP/1.1\r\n\r\n`);
    expect([denialOf(answer), upstream.accepted]).toEqual(['proxy-loop', 0]);
  });

  it('that does not resolve: upstream-failed', async () => {
    const dns = await startDnsServer();
    opened.add(() => dns.close());
    const upstream = opened.dialler('http://proxy.test:3128', { dns: { kind: 'server', text: dns.address } });
    await expect(upstream.ready()).rejects.toMatchObject({ reason: 'upstream-failed' });
    await expect(upstream.dial({ authority: authority('o.test:443'), addresses: [] })).rejects.toMatchObject({
      reason: 'upstream-failed',
    });
  });
});
