import { once } from 'node:events';
import { Duplex } from 'node:stream';
import { describe, expect, test, vi } from 'vitest';
import { parseConnectTarget } from '../../../proxy/policy/authority.js';
import { type Inspection, inspect } from '../../../proxy/tunnel/inspect.js';
import { helloFor } from '../../support/client-hello.js';

const MAX_LINE = 100;
/** Time that nothing else waits for: what waits for the same shares a timer, which may be a real one. */
const OWN_MS = 1_003;
const hello = helloFor('allowed.test');

/** A client of which is inspected what it sends. */
function client({ maxLine = MAX_LINE, timeoutMs = 10 * OWN_MS } = {}) {
  const parsed = parseConnectTarget('allowed.test:443');
  if (!parsed.ok) throw new Error(parsed.problem);
  const stream = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() });
  const said: Inspection[] = [];
  inspect(stream, { authority: parsed.value, timeoutMs, maxLine }, (inspection) => {
    stream.pause();
    said.push(inspection);
  });
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  const send = async (bytes: Buffer | string, size = bytes.length) => {
    const all = Buffer.from(bytes as string, 'latin1');
    for (let at = 0; at < all.length && said.length === 0; at += size) {
      stream.push(all.subarray(at, at + size));
      await turn();
    }
  };
  const end = async () => {
    stream.push(null);
    await turn();
    await turn();
  };
  return { stream, said, send, end };
}

describe('the first bytes of a client', () => {
  test.each([1, 3, 10_000])(
    'are a ClientHello, and what is behind it is read again, in pieces of %i',
    async (size) => {
      const { stream, said, send } = client();
      await send(hello, size);
      expect(said).toEqual([{ kind: 'tls', bytes: hello, name: 'allowed.test' }]);
      const behind = client();
      await behind.send(Buffer.concat([hello, Buffer.from('behind')]));
      expect(behind.said).toEqual(said);
      expect(String(behind.stream.read())).toBe('behind');
      expect(stream.read()).toBeNull();
    },
  );

  test.each([
    'GET / HTTP/1.1\r\n',
    'GET / HTTP/1.0\n',
    'M-SEARCH * HTTP/1.1\r\n',
    'UNSUBSCRIBE / HTTP/1.1\r\n',
  ])('are a request line: %j', async (line) => {
    for (const size of [1, 2, 100]) {
      const { said, send } = client();
      await send(`${line}Host: x`, size);
      expect(said).toMatchObject([{ kind: 'http' }]);
    }
  });

  test.each(['G', 'GE', 'GET', 'GET ', 'GET /', 'GET / HTTP/1.1\r'])(
    'are not enough yet: %j',
    async (start) => {
      const { said, send } = client();
      await send(start);
      expect(said).toEqual([]);
      await send('GET / HTTP/1.1\r\n'.slice(start.length));
      expect(said).toMatchObject([{ kind: 'http' }]);
    },
  );

  // None of them waits for the end of a line.
  test.each(['g', 'GX', 'ET', 'GETT', 'SSH-', 'GET\t', ' GET', 'UNSUBSCRIBED', '\0', '\x17\x03'])(
    'are neither by their start: %j',
    async (start) => {
      const { said, send } = client();
      await send(start);
      expect(said).toEqual([{ kind: 'denied', reason: 'tunnel-not-web', detail: undefined, tls: false }]);
    },
  );

  test.each([
    '\n',
    '\r\n',
    'GET\n',
    'GET /\r\n',
    'GET  HTTP/1.1\r\n',
    'GET / HTTP/2.0\r\n',
    'GETS / HTTP/1.1\r\n',
  ])('are neither by their line: %j', async (line) => {
    for (const size of [1, 100]) {
      const { said, send } = client();
      await send(line, size);
      expect(said).toMatchObject([{ kind: 'denied', reason: 'tunnel-not-web' }]);
    }
  });

  test('are a line of so many bytes at most', async () => {
    const line = (length: number) => `GET ${'/'.padEnd(length - 'GET  HTTP/1.1'.length, 'x')} HTTP/1.1`;
    for (const [length, kind] of [
      [MAX_LINE, 'http'],
      [MAX_LINE + 1, 'denied'],
    ] as const) {
      const { said, send } = client();
      await send(line(length), 7);
      await send('\n');
      expect(said).toMatchObject([{ kind }]);
    }
  });

  test('may not come: that is the end after a time', async () => {
    vi.useFakeTimers();
    try {
      for (const [begun, tls] of [
        ['', false],
        ['GET', false],
        [hello.subarray(0, 20).toString('latin1'), true],
      ] as const) {
        const { stream, said } = client({ timeoutMs: OWN_MS });
        if (begun) stream.emit('data', Buffer.from(begun, 'latin1'));
        vi.advanceTimersByTime(OWN_MS - 10);
        expect(said).toEqual([]);
        vi.advanceTimersByTime(20);
        expect(said).toEqual([{ kind: 'denied', reason: 'hello-timeout', detail: undefined, tls }]);
      }
    } finally {
      vi.useRealTimers();
    }
  });

  test.each([
    ['nothing', '', { kind: 'gone' }],
    ['half a request line', 'GET /', { kind: 'denied', reason: 'tunnel-not-web', tls: false }],
    [
      'half a ClientHello',
      hello.subarray(0, 50).toString('latin1'),
      { kind: 'denied', reason: 'tls-malformed', tls: true },
    ],
  ])('end behind %s', async (_, bytes, inspection) => {
    const { said, send, end } = client();
    await send(bytes);
    await end();
    expect(said).toMatchObject([inspection]);
  });

  test('are gone with the client, and with one that left before', async () => {
    const { stream, said, send } = client();
    await send('GET /');
    stream.destroy();
    await once(stream, 'close');
    expect(said).toEqual([{ kind: 'gone' }]);
    inspect(stream, { timeoutMs: 10 * OWN_MS, maxLine: MAX_LINE }, (inspection) => said.push(inspection));
    expect(said).toEqual([{ kind: 'gone' }, { kind: 'gone' }]);
  });

  test('are judged once, and nobody listens to the stream then', async () => {
    const { stream, said, send, end } = client();
    await send('SSH-2.0\r\n');
    await send('GET / HTTP/1.1\r\n');
    await end();
    expect(said).toHaveLength(1);
    for (const event of ['data', 'close']) expect([event, stream.listenerCount(event)]).toEqual([event, 0]);
  });
});
