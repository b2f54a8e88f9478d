import { EnvHttpProxyAgent, fetch } from 'undici';
import { afterEach, describe, expect, test } from 'vitest';
import { Cleanup } from '../../support/cleanup.js';
import { helloFor } from '../../support/client-hello.js';
import { startEchoOrigin, startTcpOrigin } from '../../support/origin.js';
import { startProxy } from '../../support/proxy.js';
import { denialOf, RawClient, statusOf } from '../../support/raw-client.js';

let cleanup = new Cleanup();
afterEach(async () => {
  await cleanup[Symbol.asyncDispose]();
  cleanup = new Cleanup();
});

describe('a tunnel to a port that only plain requests go to', () => {
  test("carries HTTP, as Node's fetch asks for http://name:8080/", async () => {
    await using origin = await startEchoOrigin();
    await using proxy = await startProxy();
    const dispatcher = new EnvHttpProxyAgent({ httpProxy: `http://127.0.0.1:${proxy.port}`, noProxy: '' });
    cleanup.add(() => dispatcher.close());
    const answer = await fetch(`http://allowed.test:${origin.port}/x`, { dispatcher });
    expect(answer.status).toBe(200);
    expect(await answer.json()).toMatchObject({ method: 'GET', url: '/x' });
    expect(proxy.decisions.map(({ method, decision }) => `${method} ${decision}`)).toEqual([
      'CONNECT allow',
      'GET allow',
    ]);
  });

  // Whether or not the operator has tunnels looked into.
  test.each([true, false])('carries nothing else (checkTunnels: %s)', async (checkTunnels) => {
    let seen = 0;
    await using origin = await startTcpOrigin((socket) => {
      socket.write('SSH-2.0-x\r\n');
      socket.on('data', (chunk: Buffer) => {
        seen += chunk.length;
      });
    });
    const authority = `allowed.test:${origin.port}`;
    for (const [bytes, reason] of [
      [helloFor('allowed.test'), 'tls-to-plain-port'],
      [helloFor('other.test'), 'tls-other-name'],
      [Buffer.from('SSH-2.0-y\r\n'), 'tunnel-not-web'],
    ] as const) {
      await using proxy = await startProxy({ checkTunnels });
      await using client = await RawClient.connect(proxy.port);
      await client.connectTo(authority);
      client.send(bytes);
      await client.untilEnd();
      expect([client.text, proxy.denials]).toEqual(['', [reason]]);
    }
    expect(seen).toBe(0);
    // With the entry that the reason names, TLS is let through.
    await using proxy = await startProxy({ allow: [authority] });
    await using client = await RawClient.connect(proxy.port);
    await client.connectTo(authority);
    client.send(helloFor('allowed.test'));
    await client.until('SSH-2.0-x');
  });

  test('judges each request in it as any other', async () => {
    await using origin = await startEchoOrigin();
    await using proxy = await startProxy();
    await using client = await RawClient.connect(proxy.port);
    await client.connectTo(`allowed.test:${origin.port}`);
    client.send('GET / HTTP/1.1\r\nHost: other.test\r\n\r\n');
    const answer = await client.until('\r\n\r\n');
    expect([statusOf(answer), denialOf(answer)]).toEqual([421, 'other-authority']);
    expect(origin.accepted).toBeLessThanOrEqual(1);
  });

  test('is not opened for a host that is not allowed, nor to a port below 1025', async () => {
    await using proxy = await startProxy();
    for (const [target, reason] of [
      ['other.test:8080', 'domain-not-allowed'],
      ['allowed.test:1024', 'port-not-allowed'],
      ['allowed.test:25', 'port-not-allowed'],
    ]) {
      const answer = await RawClient.exchange(proxy.port, `CONNECT ${target} HTTP/1.1\r\n\r\n`);
      expect([target, denialOf(answer)]).toEqual([target, reason]);
    }
  });
});
