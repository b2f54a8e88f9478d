import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readConnectHead } from '../../../proxy/accept/connect-head.js';
import { growth } from '../../support/growth.js';
import { startTcpOrigin } from '../../support/origin.js';
import { startProxy } from '../../support/proxy.js';
import { RawClient } from '../../support/raw-client.js';

/**
 * A CONNECT that arrives in one piece is read at sight where it is an ordinary one; one that arrives in two pieces
 * never is. What is answered must not depend on that.
 */
describe('the head of a CONNECT', () => {
  async function answers(port: number, head: string): Promise<[string, string]> {
    const whole = await ask(port, [head]);
    return [whole, await ask(port, [head.slice(0, 1), head.slice(1)])];
  }

  /** The status line and the reason of a refusal; `closed` where there is no answer. */
  async function ask(port: number, pieces: string[]): Promise<string> {
    await using client = await RawClient.connect(port);
    for (const piece of pieces) {
      client.send(piece);
      // In a segment of its own.
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    client.end();
    const text = await client.until('\r\n\r\n').catch(() => 'closed');
    return `${text.slice(0, 12)} ${/^x-jobgate-deny: (\S+)/im.exec(text)?.[1] ?? ''}`;
  }

  const ORDINARY: [string, (target: string) => string][] = [
    [
      'of curl',
      (t) =>
        `CONNECT ${t} HTTP/1.1\r\nHost: ${t}\r\nUser-Agent: curl/8\r\nProxy-Connection: Keep-Alive\r\n\r\n`,
    ],
    ['of Python', (t) => `CONNECT ${t} HTTP/1.0\r\n\r\n`],
    ['without Host', (t) => `CONNECT ${t} HTTP/1.1\r\n\r\n`],
    [
      'with credentials',
      (t) => `CONNECT ${t} HTTP/1.1\r\nHost: ${t}\r\nProxy-Authorization: Basic eDp5\r\n\r\n`,
    ],
    ['with a value that is empty', (t) => `CONNECT ${t} HTTP/1.1\r\nHost: ${t}\r\nX:\r\n\r\n`],
  ];

  const ODD: [string, (target: string) => string][] = [
    ['with Content-Length', (t) => `CONNECT ${t} HTTP/1.1\r\nHost: ${t}\r\nContent-Length: 5\r\n\r\nhello`],
    ['with Content-Length, oddly written', (t) => `CONNECT ${t} HTTP/1.1\r\ncONTENT-lENGTH:0\r\n\r\n`],
    ['with Transfer-Encoding', (t) => `CONNECT ${t} HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
    ['of another version', (t) => `CONNECT ${t} HTTP/2.0\r\n\r\n`],
    ['of no version', (t) => `CONNECT ${t}\r\n\r\n`],
    ['in lower case', (t) => `connect ${t} HTTP/1.1\r\n\r\n`],
    ['with a second space', (t) => `CONNECT  ${t} HTTP/1.1\r\n\r\n`],
    ['with a tab', (t) => `CONNECT\t${t} HTTP/1.1\r\n\r\n`],
    ['with bare line feeds', (t) => `CONNECT ${t} HTTP/1.1\nHost: ${t}\n\n`],
    ['with a bare carriage return', (t) => `CONNECT ${t} HTTP/1.1\r\nX: a\rb\r\n\r\n`],
    ['with a folded line', (t) => `CONNECT ${t} HTTP/1.1\r\nX: a\r\n b\r\n\r\n`],
    ['with a space before the colon', (t) => `CONNECT ${t} HTTP/1.1\r\nHost : ${t}\r\n\r\n`],
    ['with a line without colon', (t) => `CONNECT ${t} HTTP/1.1\r\nHost\r\n\r\n`],
    ['with a NUL', (t) => `CONNECT ${t} HTTP/1.1\r\nX: a\0b\r\n\r\n`],
    ['with bytes beyond ASCII', (t) => `CONNECT ${t} HTTP/1.1\r\nX: \xe4\r\n\r\n`],
    ['with user information', (t) => `CONNECT u@${t} HTTP/1.1\r\n\r\n`],
    ['for another host', () => 'CONNECT other.test:443 HTTP/1.1\r\nHost: allowed.test\r\n\r\n'],
    ['of a line too long', (t) => `CONNECT ${t} HTTP/1.1\r\nX: ${'a'.repeat(70_000)}\r\n\r\n`],
    ['of a length above the usual', (t) => `CONNECT ${t} HTTP/1.1\r\nX: ${'a'.repeat(3_000)}\r\n\r\n`],
  ];

  test.each(ORDINARY)('%s opens a tunnel', async (_, head) => {
    await using origin = await startTcpOrigin((socket) => void socket.resume());
    await using proxy = await startProxy({ allow: [`allowed.test:${origin.port}`] });
    const [whole, cut] = await answers(proxy.port, head(`allowed.test:${origin.port}`));
    expect(whole).toMatch(/^HTTP\/1.1 200/);
    expect(cut).toBe(whole);
  });

  test.each(ODD)('%s is answered as if it came in two pieces', async (_, head) => {
    await using origin = await startTcpOrigin((socket) => void socket.resume());
    await using proxy = await startProxy({ allow: [`allowed.test:${origin.port}`] });
    const [whole, cut] = await answers(proxy.port, head(`allowed.test:${origin.port}`));
    expect(whole).toBe(cut);
  });

  test('with any byte of it changed, or one more, is answered as if it came in two pieces', async () => {
    await using origin = await startTcpOrigin((socket) => void socket.resume());
    await using proxy = await startProxy({ allow: [`allowed.test:${origin.port}`] });
    const target = `allowed.test:${origin.port}`;
    const head = `CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\nX-A: b\r\n\r\n`;
    const byte = fc.oneof(
      fc.constantFrom(...'\r\n\t :\0/@.-'),
      fc.nat(255).map((code) => String.fromCharCode(code)),
    );
    await fc.assert(
      fc.asyncProperty(fc.nat(head.length - 1), byte, fc.boolean(), async (at, what, more) => {
        // Without its end the head would be waited for.
        const changed = `${head.slice(0, at)}${what}${head.slice(more ? at : at + 1)}\r\n\r\n`;
        const [whole, cut] = await answers(proxy.port, changed);
        expect(whole).toBe(cut);
      }),
      { numRuns: 150 },
    );
  });

  test('a client that leaves before it has said anything is let go', async () => {
    await using proxy = await startProxy({ allow: ['allowed.test'] });
    await using client = await RawClient.connect(proxy.port);
    client.end();
    await client.untilEnd();
    expect(client.text).toBe('');
  });

  test.each([
    ['a name with an underscore', 'a_b: c\r\n'],
    ['a byte that is not ASCII', 'a: \xe4\r\n'],
    ['a line without colon', 'a\r\n'],
    ['nothing wrong', ''],
  ])('with many lines and %s takes time in proportion to its length', async (_, wrong) => {
    const head = (lines: number) =>
      Buffer.from(`CONNECT a.test:443 HTTP/1.1\r\n${'x: y\r\n'.repeat(lines)}${wrong}\r\n`, 'latin1');
    expect(readConnectHead(head(20)) === undefined).toBe(wrong !== '');
    const reads = (lines: number) => {
      const bytes = head(lines);
      return () => readConnectHead(bytes);
    };
    // Six times the lines are 64 million times the work where each of the 26 has two ways to be read.
    expect(await growth(reads, 4, 24)).toBeLessThan(40);
    expect(await growth(reads, 30, 240)).toBeLessThan(40);
  });
});
