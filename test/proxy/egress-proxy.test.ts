import { execFile } from 'node:child_process';
import http from 'node:http';
import tls from 'node:tls';
import { promisify } from 'node:util';
import { EnvHttpProxyAgent, fetch } from 'undici';
import { describe, expect, test } from 'vitest';
import { createCa } from '../support/ca.js';
import { startDnsServer } from '../support/dns-server.js';
import {
  type Echo,
  headerValues,
  type Origin,
  startEchoOrigin,
  startOrigin,
  startTcpOrigin,
} from '../support/origin.js';
import { startProxy } from '../support/proxy.js';
import { denialOf, RawClient, statusOf } from '../support/raw-client.js';
import { startSilentListener } from '../support/silent-listener.js';

const run = promisify(execFile);

/** Both ways through: without a limit the accepted socket itself, with one a stream behind the limiter. */
describe.each([
  ['without a limit', null],
  ['with a limit', 800_000_000],
])('clients %s', (_, rate) => {
  async function startTls(): Promise<{ origin: Origin; ca: string }> {
    const ca = await createCa();
    const { key, cert } = await ca.issue(['allowed.test']);
    const inside = http.createServer((request, response) => {
      let bytes = 0;
      request.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
      });
      request.on('end', () => response.end(`${request.method} ${request.url} ${bytes}`));
    });
    const secure = tls.createServer({ key, cert }, (socket) => void inside.emit('connection', socket));
    const origin = await startTcpOrigin((socket) => void secure.emit('connection', socket));
    return { origin, ca: ca.pem };
  }

  test('fetch of Node: https, and http through CONNECT', async () => {
    const { origin, ca } = await startTls();
    await using secure = origin;
    await using plain = await startEchoOrigin();
    await using proxy = await startProxy({
      rate,
      allow: [`allowed.test:${secure.port}`, `allowed.test:${plain.port}`],
    });
    const url = `http://127.0.0.1:${proxy.port}`;
    const dispatcher = new EnvHttpProxyAgent({ httpProxy: url, httpsProxy: url, requestTls: { ca } });
    const body = 'x'.repeat(1_000_000);
    const https = await fetch(`https://allowed.test:${secure.port}/s`, { dispatcher, method: 'POST', body });
    expect(await https.text()).toBe('POST /s 1000000');
    const echo = (await (await fetch(`http://allowed.test:${plain.port}/p`, { dispatcher })).json()) as Echo;
    expect(headerValues(echo.rawHeaders, 'x-bacalhau-job-id')).toEqual(['job-1']);
    await expect(fetch('https://denied.test/', { dispatcher })).rejects.toThrow();
    expect(proxy.denials).toEqual(['domain-not-allowed']);
    await dispatcher.close();
  });

  test('curl: http, https, a large upload, and a refusal', async () => {
    const { origin } = await startTls();
    await using secure = origin;
    await using plain = await startEchoOrigin();
    await using proxy = await startProxy({
      rate,
      allow: ['allowed.test', `allowed.test:${secure.port}`],
    });
    const curl = async (...args: string[]) => {
      const common = ['-sS', '--max-time', '10', '-x', `http://127.0.0.1:${proxy.port}`];
      const child = run('curl', [...common, ...args], { encoding: 'utf8', maxBuffer: 8_000_000 });
      child.child.stdin?.end(args.includes('-T') ? 'x'.repeat(3_000_000) : '');
      return (await child).stdout;
    };
    const echo = JSON.parse(await curl(`http://allowed.test:${plain.port}/c?d`)) as Echo;
    expect([echo.url, headerValues(echo.rawHeaders, 'proxy-connection')]).toEqual(['/c?d', []]);
    expect(await curl('-k', `https://allowed.test:${secure.port}/s`)).toBe('GET /s 0');
    expect(await curl('-k', '-T', '-', `https://allowed.test:${secure.port}/u`)).toBe('PUT /u 3000000');
    expect(await curl('-T', '-', `http://allowed.test:${plain.port}/`)).toContain(`"PUT"`);
    expect(await curl('http://denied.test/')).toContain('--domain denied.test');
  });
});

describe('an HTTP proxy upstream', () => {
  test('gets plain requests in absolute form with its credentials, never those of the job', async () => {
    const seen: { url: string | undefined; rawHeaders: string[] }[] = [];
    await using upstream = await startOrigin(({ url, rawHeaders }, response) => {
      seen.push({ url, rawHeaders });
      response.end('through');
    });
    await using proxy = await startProxy({ upstream: `http://user:secret@127.0.0.1:${upstream.port}` });
    const answer = await RawClient.exchange(
      proxy.port,
      'GET http://WWW.allowed.test/a?b HTTP/1.1\r\nHost: x\r\nProxy-Authorization: Basic am9i\r\nConnection: close\r\n\r\n',
    );
    expect(answer).toContain('through');
    expect(seen).toHaveLength(1);
    const [{ url, rawHeaders } = { url: '', rawHeaders: [] }] = seen;
    expect(url).toBe('http://www.allowed.test/a?b');
    expect(headerValues(rawHeaders, 'host')).toEqual(['www.allowed.test']);
    expect(headerValues(rawHeaders, 'proxy-authorization')).toEqual([
      `Basic ${Buffer.from('user:secret').toString('base64')}`,
    ]);
    expect(JSON.stringify(proxy.events)).not.toContain('secret');
  });

  test('that wants other credentials is its failure: the job never sees 407', async () => {
    await using upstream = await startOrigin((_, response) => {
      response.writeHead(407, { 'Proxy-Authenticate': 'Basic realm=x' });
      response.end();
    });
    await using proxy = await startProxy({ upstream: `http://127.0.0.1:${upstream.port}` });
    const answer = await RawClient.exchange(
      proxy.port,
      'GET http://www.allowed.test/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
    );
    expect([statusOf(answer), denialOf(answer)]).toEqual([502, 'upstream-failed']);
  });

  test('is asked for nothing that is not allowed, nor for private addresses', async () => {
    let asked = 0;
    await using upstream = await startOrigin((_, response) => {
      asked++;
      response.end();
    });
    await using proxy = await startProxy({
      upstream: `http://127.0.0.1:${upstream.port}`,
      allow: ['.allowed.test', '10.0.0.1'],
      allowAddresses: [],
    });
    const reason = async (host: string) =>
      denialOf(
        await RawClient.exchange(
          proxy.port,
          `GET http://${host}/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`,
        ),
      );
    expect(await reason('denied.test')).toBe('domain-not-allowed');
    expect(await reason('10.0.0.1')).toBe('address-not-public');
    expect(asked).toBe(0);
    expect(await reason('www.allowed.test')).toBeUndefined();
    expect(asked).toBe(1);
  });
});

describe('many things at once', () => {
  test('make no warning about listeners: dials, waiting requests, denied names', async () => {
    const warnings: string[] = [];
    const warn = (warning: Error) => warnings.push(warning.message);
    process.on('warning', warn);
    const silent = await startSilentListener('127.0.0.1');
    if (silent === undefined) throw new Error('this kernel accepts connections without end');
    await using dials = silent;
    await using dns = await startDnsServer({
      records: { '*': { addresses: ['127.0.0.1'], delayMs: 200 } },
    });
    await using proxy = await startProxy({
      dns: dns.address,
      deny: Array.from({ length: 20 }, (_, i) => `d${i}.denied.test`),
      limits: { connectTimeoutMs: 300 },
    });
    await using client = await RawClient.connect(proxy.port);
    client.send(`GET http://allowed.test:${dials.port}/ HTTP/1.1\r\nHost: x\r\n\r\n`.repeat(20));
    await expect.poll(() => proxy.denials.length).toBeGreaterThan(4);
    await new Promise((resolve) => setTimeout(resolve, 50));
    process.off('warning', warn);
    expect(warnings).toEqual([]);
  });
});
