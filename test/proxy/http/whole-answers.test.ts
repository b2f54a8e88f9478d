import net from 'node:net';
import { describe, expect, test } from 'vitest';
import { startTcpOrigin } from '../../support/origin.js';
import { startProxy } from '../../support/proxy.js';
import { RawClient } from '../../support/raw-client.js';

/** Answers of each kind. */
const ANSWERS = 1_000;
/** Connections that they come over, side by side. */
const CONNECTIONS = 10;

/** Everything that the origin says, by the number of the request; small, large, and in pieces. */
const bodyOf = (n: number) => `${n};`.repeat(n % 50 === 0 ? 3_000 : 1 + (n % 7));

/** What the origin writes, by kind. */
const KINDS = {
  'kept-alive': (n: number) =>
    n % 4 === 0
      ? [`HTTP/1.1 204 No Content\r\nX-N: ${n}\r\n\r\n`]
      : [`HTTP/1.1 200 OK\r\nX-N: ${n}\r\nContent-Length: ${bodyOf(n).length}\r\n\r\n`, bodyOf(n)],
  chunked: (n: number) => [
    'HTTP/1.1 200 OK\r\n',
    `X-N: ${n}\r\nTransfer-Encoding: chunked\r\n\r\n`,
    ...chunks(n),
    '0\r\n\r\n',
  ],
  trailered: (n: number) => [
    `HTTP/1.1 200 OK\r\nX-N: ${n}\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n${chunks(n).join('')}`,
    `0\r\nX-Sum: ${n}\r\n\r\n`,
  ],
} satisfies Record<string, (n: number) => string[]>;

function chunks(n: number): string[] {
  const body = bodyOf(n);
  const half = Math.ceil(body.length / 2);
  return [body.slice(0, half), body.slice(half)]
    .filter((part) => part !== '')
    .map((part) => `${part.length.toString(16)}\r\n${part}\r\n`);
}

/** An origin that answers `/N` with those pieces: of some in segments of their own, of others in one. */
function startAnswers(pieces: (n: number) => string[]) {
  return startTcpOrigin((socket) => {
    let text = '';
    let busy = Promise.resolve();
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      for (let end = text.indexOf('\r\n\r\n'); end >= 0; end = text.indexOf('\r\n\r\n')) {
        const n = Number(/^\w+ \/(\d+) /.exec(text)?.[1]);
        text = text.slice(end + 4);
        busy = busy.then(() => say(socket, pieces(n), n % 3));
      }
    });
  });
}

async function say(socket: net.Socket, pieces: string[], how: number): Promise<void> {
  for (const piece of how === 0 ? [pieces.join('')] : pieces) {
    socket.write(piece);
    if (how === 1) await new Promise((resolve) => setImmediate(resolve));
  }
}

interface Read {
  readonly n: number;
  readonly body: string;
  readonly trailers: string;
  /** Bytes of the whole answer. */
  readonly length: number;
}

/** The answer that a text begins with, read strictly; undefined where there is more to come. */
function readAnswer(text: string): Read | undefined {
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const head = text.slice(0, end);
  if (!/^HTTP\/1\.1 20[04] /.test(head)) throw new Error(`out of step: ${JSON.stringify(text.slice(0, 80))}`);
  const n = Number(/^X-N: (\d+)$/m.exec(head)?.[1]);
  const at = end + 4;
  const length = /^Content-Length: (\d+)$/im.exec(head)?.[1];
  if (length !== undefined) {
    const body = text.slice(at, at + Number(length));
    return body.length < Number(length) ? undefined : { n, body, trailers: '', length: at + body.length };
  }
  return /^Transfer-Encoding: chunked$/im.test(head)
    ? readChunks(text, at, n)
    : { n, body: '', trailers: '', length: at };
}

function readChunks(text: string, from: number, n: number): Read | undefined {
  let body = '';
  for (let at = from; ; ) {
    const line = text.indexOf('\r\n', at);
    if (line < 0) return undefined;
    const size = Number.parseInt(text.slice(at, line), 16);
    if (!(size >= 0)) throw new Error(`no chunk: ${JSON.stringify(text.slice(at, at + 40))}`);
    if (size === 0) {
      const end = text.indexOf('\r\n\r\n', line);
      if (end < 0) return undefined;
      return { n, body, trailers: text.slice(line + 2, end), length: end + 4 };
    }
    if (text.length < line + 2 + size + 2) return undefined;
    body += text.slice(line + 2, line + 2 + size);
    at = line + 2 + size + 2;
  }
}

/** Asks for `numbers` over one connection, `ahead` requests at a time, and gives what is wrong with the answers. */
async function ask(
  port: number,
  host: string,
  numbers: readonly number[],
  { kind, ahead }: { kind: keyof typeof KINDS; ahead: number },
): Promise<string[]> {
  const socket = net.connect({ port, host: '127.0.0.1', noDelay: true });
  const arrivals: AsyncIterator<Buffer> = socket[Symbol.asyncIterator]();
  const wrong: string[] = [];
  let text = '';
  for (let at = 0; at < numbers.length; at += ahead) {
    const now = numbers.slice(at, at + ahead);
    socket.write(now.map((n) => `GET http://${host}/${n} HTTP/1.1\r\nHost: ${host}\r\n\r\n`).join(''));
    for (const n of now) {
      let read = readAnswer(text);
      while (read === undefined) {
        const { value, done } = await arrivals.next();
        if (done) throw new Error(`closed before answer ${n}`);
        text += value.toString('latin1');
        read = readAnswer(text);
      }
      text = text.slice(read.length);
      const body = kind === 'kept-alive' && n % 4 === 0 ? '' : bodyOf(n);
      const trailers = kind === 'trailered' ? `X-Sum: ${n}` : '';
      if (read.n !== n || read.body !== body || read.trailers !== trailers) {
        wrong.push(`${n}: ${JSON.stringify(read)}`);
      }
    }
  }
  socket.destroy();
  return text === '' ? wrong : [...wrong, `behind the last one: ${text.slice(0, 80)}`];
}

describe(`${ANSWERS} answers over ${CONNECTIONS} connections at once`, () => {
  test.each([
    ['kept-alive', 'unlimited', null],
    ['chunked', 'unlimited', null],
    ['trailered', 'unlimited', null],
    ['trailered', 'throttled', 10_000_000_000],
  ] as const)(
    '%s, %s: each is whole, and the next one in step',
    async (kind, _, rate) => {
      await using origin = await startAnswers(KINDS[kind]);
      await using proxy = await startProxy({ rate });
      const host = `allowed.test:${origin.port}`;
      const wrong = await Promise.all(
        Array.from({ length: CONNECTIONS }, (_, i) => {
          const numbers = Array.from({ length: ANSWERS / CONNECTIONS }, (_, j) => i + j * CONNECTIONS);
          // Some ask for several at once.
          return ask(proxy.port, host, numbers, { kind, ahead: 1 + (i % 3) * 4 });
        }),
      );
      expect(wrong.flat()).toEqual([]);
      expect(proxy.proxy.figures().allowed).toBe(ANSWERS);
    },
    120_000,
  );

  test('early, before the body that was announced: each is whole, and the last one of its connection', async () => {
    // An origin that has made up its mind by the head.
    await using origin = await startTcpOrigin((socket) => {
      socket.once('data', (chunk) => {
        const n = Number(/^\w+ \/(\d+) /.exec(chunk.toString('latin1'))?.[1]);
        for (const piece of KINDS[n % 2 ? 'chunked' : 'kept-alive'](n)) socket.write(piece);
        socket.resume();
      });
    });
    await using proxy = await startProxy({ limits: { connectionsPerSecond: 1_000_000 } });
    const host = `allowed.test:${origin.port}`;
    let next = 0;
    const wrong: string[] = [];
    const work = async () => {
      for (let n = next++; n < ANSWERS; n = next++) {
        const answer = await RawClient.exchange(
          proxy.port,
          `POST http://${host}/${n} HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 9000000\r\n\r\nonly this`,
        );
        const read = readAnswer(answer);
        const body = n % 4 === 0 ? '' : bodyOf(n);
        if (read?.n !== n || read.body !== body || read.length !== answer.length)
          wrong.push(`${n}: ${answer}`);
      }
    };
    await Promise.all(Array.from({ length: CONNECTIONS }, work));
    expect(wrong).toEqual([]);
  }, 120_000);
});
