import { execFileSync, spawnSync } from 'node:child_process';
import { Resolver } from 'node:dns/promises';
import { existsSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeE2e, docker, JOB_IMAGE, run } from '../support/e2e.js';
import { type Internet, startInternet } from '../support/internet.js';

describeE2e('the engine and the job image of the tests', () => {
  it('runs a job', async () => {
    const job = await run('docker', [
      ...['run', '--rm', '--network', 'none', JOB_IMAGE],
      ...['bash', '-c', 'echo from $UID; exit 3'],
    ]);
    expect(job).toMatchObject({ stdout: 'from 0\n', code: 3 });
  });

  it('has curl, node and name look-ups', async () => {
    const script = 'curl -V; node -v; getent passwd job';
    const versions = await docker('run', '--rm', '--network', 'none', JOB_IMAGE, 'bash', '-c', script);
    expect(versions).toMatch(/^curl .*\nv\d+\..*\njob:x:1000/s);
  });
});

describeE2e('the small internet of the tests', () => {
  let net: Internet;
  beforeAll(async () => {
    net = await startInternet({
      hosts: {
        'example.com': {
          ipv6: true,
          services: { 80: 'http', 443: 'https', 22: 'banner', 7: 'echo', 53: 'udp' },
        },
        'www.example.com': { at: 'example.com' },
        'other.test': {},
      },
    });
  });
  afterAll(() => net.close());

  /** As a client on this machine would, with the names of the small internet's DNS. */
  async function get(url: string, options: { method?: string; body?: Buffer; family?: 4 | 6 } = {}) {
    const { protocol, hostname, port, pathname } = new URL(url);
    const resolver = new Resolver();
    resolver.setServers([net.dns]);
    const [address] =
      options.family === 6 ? await resolver.resolve6(hostname) : await resolver.resolve4(hostname);
    const send = protocol === 'https:' ? httpsRequest : httpRequest;
    return new Promise<{ status: number; body: string }>((resolve, reject) => {
      const request = send({
        host: address,
        port,
        path: pathname,
        method: options.method ?? 'GET',
        headers: { host: hostname },
        servername: hostname,
        ca: net.caPem,
        agent: false,
      });
      request.on('error', reject);
      request.on('response', (response) => {
        text(response).then((body) => resolve({ status: response.statusCode ?? 0, body }), reject);
      });
      request.end(options.body);
    });
  }

  it('answers over HTTP and HTTPS, with certificates of its CA, by names of its DNS, and tells what it saw', async () => {
    await net.forget();
    expect(await get('http://example.com/')).toEqual({ status: 200, body: 'hello from example.com\n' });
    expect(await get('https://example.com/')).toEqual({ status: 200, body: 'hello from example.com\n' });
    expect(await get('https://www.example.com/')).toEqual({
      status: 200,
      body: 'hello from www.example.com\n',
    });
    expect(await get('https://other.test/status/404')).toEqual({ status: 404, body: 'status 404\n' });
    await expect(get('https://unknown.test/')).rejects.toThrow(/ENOTFOUND/);
    const seen = (await net.requests()).map(({ address, secure, url }) => `${address} ${secure} ${url}`);
    const [a, b] = [net.addresses['example.com'], net.addresses['other.test']];
    expect(seen).toEqual([`${a} false /`, `${a} true /`, `${a} true /`, `${b} true /status/404`]);
  });

  it('serves bytes, takes uploads, echoes headers', async () => {
    expect((await get('http://example.com/bytes/1000001')).body).toHaveLength(1_000_001);
    const upload = await get('https://example.com/upload', { method: 'POST', body: Buffer.alloc(300_000) });
    expect(JSON.parse(upload.body)).toEqual({ bytes: 300_000 });
    expect(JSON.parse((await get('http://example.com/headers')).body)).toMatchObject({
      rawHeaders: expect.arrayContaining(['host', 'example.com']),
    });
    await expect(get('http://example.com/half/100000')).rejects.toThrow();
  });

  it.runIf(existsSync('/proc/net/if_inet6'))('answers over IPv6', async () => {
    expect((await get('https://example.com/', { family: 6 })).status).toBe(200);
  });

  it('has services that are not for the web', async () => {
    const socket = connect(22, net.addresses['example.com']);
    const [banner] = (await new Promise((resolve) => socket.once('data', (data) => resolve([data])))) as [
      Buffer,
    ];
    socket.destroy();
    expect(banner.toString()).toMatch(/^SSH-2\.0/);
  });

  it('is reached from a container on an ordinary bridge, so that a refusal elsewhere means something', async () => {
    await net.forget();
    const address = net.addresses['example.com'];
    const script = `curl -sS --max-time 5 http://${address}/ && echo x >/dev/udp/${address}/53`;
    expect(await docker('run', '--rm', JOB_IMAGE, 'bash', '-c', script)).toContain('hello from');
    const kinds = (await net.seen()).map(({ kind, port }) => `${kind} ${port}`);
    expect(kinds).toEqual(['connection 80', 'request 80', 'datagram 53']);
  });

  it('several exist at once, and one that is closed leaves nothing', async () => {
    const interfaces = () => execFileSync('ip', ['-o', 'link'], { encoding: 'utf8' });
    const second = await startInternet({ hosts: { 'example.com': {} } });
    expect(second.addresses['example.com']).not.toBe(net.addresses['example.com']);
    expect(interfaces()).toContain(second.device);
    await second.close();
    expect(interfaces()).not.toContain(second.device);
    expect((await get('http://example.com/')).status).toBe(200);
  });

  it('ends with the process that made it, however that ends', async () => {
    const script = `
      import { startInternet } from ${JSON.stringify(fileURLToPath(new URL('../support/internet.ts', import.meta.url)))};
      const net = await startInternet({ hosts: { 'example.com': {} } });
      console.log(net.device);
      process.kill(process.pid, 'SIGKILL');`;
    const killed = spawnSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
      encoding: 'utf8',
    });
    const device = killed.stdout.trim();
    expect(device, killed.stderr).toMatch(/^jgt-/);
    await expect.poll(() => execFileSync('ip', ['-o', 'link'], { encoding: 'utf8' })).not.toContain(device);
  });
});
