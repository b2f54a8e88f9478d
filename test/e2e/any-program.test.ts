import { createSocket } from 'node:dgram';
import { existsSync, readdirSync, readlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest';
import { Iptables } from '../../docker/host/firewall.js';
import { DEFAULT_GATEWAY_PORT, ownPorts } from '../../docker/host/lockdown-rules.js';
import { startCapture } from '../support/capture.js';
import { Cleanup } from '../support/cleanup.js';
import { startCli } from '../support/cli.js';
import { describeE2e, docker, JOB_IMAGE, run } from '../support/e2e.js';
import { placement } from '../support/placement.js';
import { probe, tcp, udp } from '../support/probe.js';
import { type Serve, startServe } from '../support/serve.js';
import { curlLine, curlResults, type Stage, startStage } from '../support/stage.js';

/** What programs have that know of no proxy: no variable. */
const UNSET = 'unset http_proxy https_proxy HTTP_PROXY HTTPS_PROXY all_proxy ALL_PROXY';
const DOMAINS = ['--domain', '.example.com', '--domain', 'example.com:8443'];
const HOST_ONLY = placement === 'host' ? it : it.skip;

describeE2e('a program that knows of no proxy', () => {
  const suite = new Cleanup();
  let cleanup = new Cleanup();
  let stage: Stage;
  beforeAll(async () => {
    stage = suite.use(
      await startStage({
        'example.com': { services: { 80: 'http', 443: 'https', 8443: 'https', 8080: 'http' } },
        'a.b.example.com': {},
        'other.com': {},
      }),
    );
  });
  afterAll(() => suite[Symbol.asyncDispose]());
  afterEach(async () => {
    await cleanup[Symbol.asyncDispose]();
    cleanup = new Cleanup();
  });

  /** A gateway of a serve, and a container on it that does nothing. */
  async function openJob(serve: Serve, jobId: string, domains = ['.example.com', 'example.com:8443']) {
    const { body } = await serve.ask('/v1/gateways', { body: { jobId, network: { Domains: domains } } });
    cleanup.add(() => serve.ask(`/v1/gateways/${body.id}`, { method: 'DELETE' }));
    const name = `jobgate-test-${jobId}`;
    cleanup.add(() => docker('rm', '-f', name));
    const options = body.docker.filter((option: string) => !/^--env=\w+_proxy=/i.test(option));
    await docker('run', '-d', '--name', name, ...options, JOB_IMAGE, 'sleep', '600');
    return { body, name, gateway: new URL(body.proxy.url).hostname };
  }

  const status = async (container: string, ...args: string[]) =>
    (
      await run('docker', [
        ...['exec', container, 'curl', '-sS', '-k', '-m', '5', '-o', '/dev/null', '-w', '%{http_code}'],
        ...args,
      ])
    ).stdout;

  it('reaches what its job may, and nothing else, and the run says what was refused', async () => {
    const { stdout, stderr } = await stage.job(
      [...DOMAINS, '--add-host', 'inside.example.com:10.1.2.3'],
      [
        UNSET,
        curlLine('https', 'https://example.com/'),
        curlLine('http', 'http://example.com/'),
        curlLine('below', 'https://a.b.example.com/'),
        curlLine('port', 'https://example.com:8443/'),
        curlLine('inside', 'https://inside.example.com/'),
        curlLine('insideHttp', 'http://inside.example.com/'),
        curlLine('other', 'https://other.com/'),
        'getent ahosts localhost >/dev/null; echo "localhost $?"',
      ].join('\n'),
    );
    expect(curlResults(stdout), stderr).toMatchObject({
      https: { status: 200, connect: 0, rc: 0 },
      http: { status: 200, rc: 0 },
      below: { status: 200, rc: 0 },
      port: { status: 200, rc: 0 },
      inside: { status: 0, rc: 35 },
      insideHttp: { status: 403, rc: 0 },
      other: { status: 0, rc: 6 },
    });
    expect(stdout).toContain('localhost 0');
    expect(stderr).toMatch(
      / other\.com +(once|\d times), domain-not-allowed: to allow it: --domain other\.com\n/,
    );
    expect(stderr).toMatch(/inside\.example\.com:443 +once, address-not-public: resolves to 10\.1\.2\.3/);
    expect(stage.net.dnsServer.queries.join(' ')).not.toContain('other.com');
  });

  it('no question of a job leaves the node, whatever it asks and whom', async () => {
    const serve = cleanup.use(await startServe(['--dns', stage.net.dns]));
    const { name, gateway } = await openJob(serve, 'asks');
    const [host = ''] = stage.net.dns.split(':');
    const capture = cleanup.use(await startCapture());
    // The capture sees what an ordinary container asks.
    await docker(
      ...['run', '--rm', '--dns', host, JOB_IMAGE, 'bash', '-c', 'getent ahosts control.test || true'],
    );
    await vi.waitFor(() => expect(capture.seen.map((one) => one.name)).toContain('control.test'));
    stage.net.dnsServer.queries.length = 0;

    await docker('exec', name, 'node', '-e', `(${HOSTILE})(${JSON.stringify({ gateway, host })})`);
    expect(await status(name, 'https://example.com/')).toBe('200');

    // On its way to the gateway it is on the job's own bridge, and on the container's end of that.
    const left = capture.seen.filter(({ interface: on, to }) => !/^(jg|veth)/.test(on) && to !== gateway);
    const names = new Set(left.map((one) => one.name).filter((one) => one !== 'control.test'));
    expect([...names]).toEqual(['example.com']);
    expect(new Set(stage.net.dnsServer.queries.map((query) => query.split(' ')[0]))).toEqual(
      new Set(['example.com']),
    );
    expect(capture.seen.filter((one) => one.name.startsWith('hostile-')).length).toBeGreaterThan(1_000);
  });

  it('without the setting its names fail at once, as ever', async () => {
    const { stdout } = await stage.job(
      ['--domain', 'example.com'],
      `${UNSET}\nstart=$(date +%s%N); getent ahosts example.com; echo "$? $(( ($(date +%s%N) - start) / 1000000 ))"
       ${curlLine('gateway', 'https://example.com/')}`,
      { env: { JOBGATE_ANY_PROGRAM: 'false' } },
    );
    const [code, ms = 0] = stdout.split('\n')[0]?.split(' ').map(Number) ?? [];
    expect(code).toBe(2);
    // A resolver that is waited for takes ten seconds each time.
    expect(ms).toBeLessThan(5_000);
    expect(curlResults(stdout).gateway).toMatchObject({ rc: 6 });
  });

  it('a daemon that gives only the network and the variables gets what it always got', async () => {
    const serve = cleanup.use(await startServe(['--dns', stage.net.dns]));
    const { body } = await serve.ask('/v1/gateways', {
      body: { jobId: 'plain', network: { Domains: ['example.com'] } },
    });
    cleanup.add(() => serve.ask(`/v1/gateways/${body.id}`, { method: 'DELETE' }));
    cleanup.add(() => docker('rm', '-f', 'jobgate-test-plain'));
    const env = Object.entries(body.env).map(([key, value]) => `--env=${key}=${value}`);
    const dead = ['--dns=127.0.0.1', '--cap-drop=NET_RAW', '--cap-drop=NET_ADMIN'];
    const options = ['--network', body.network.name, ...dead, ...env];
    await docker('run', '-d', '--name', 'jobgate-test-plain', ...options, JOB_IMAGE, 'sleep', '600');
    await vi.waitFor(async () =>
      expect((await serve.ask(`/v1/gateways/${body.id}`)).body.containers).toMatchObject([
        { enforced: true },
      ]),
    );
    expect(await status('jobgate-test-plain', 'https://example.com/')).toBe('200');
  });

  HOST_ONLY('whatever other programs hold :53, :80 and :443 of all addresses', async () => {
    const connected: string[] = [];
    for (const port of [80, 443, 53, 8443]) {
      const server = createServer((socket) => {
        connected.push(socket.remoteAddress ?? '');
        socket.end('other program\n');
      });
      await new Promise<void>((resolve, reject) =>
        server.once('error', reject).listen(port, '0.0.0.0', resolve),
      );
      cleanup.add(() => new Promise((resolve) => server.close(resolve)));
    }
    const names = createSocket('udp4', () => connected.push('udp'));
    await new Promise<void>((resolve) => names.bind(53, '0.0.0.0', resolve));
    cleanup.add(() => new Promise((resolve) => names.close(() => resolve(undefined))));
    const { stdout, stderr } = await stage.job(
      DOMAINS,
      [
        UNSET,
        curlLine('https', 'https://example.com/'),
        curlLine('http', 'http://example.com/'),
        curlLine('port', 'https://example.com:8443/'),
      ].join('\n'),
    );
    const all = curlResults(stdout);
    expect(
      Object.values(all).map((one) => one.status),
      stderr,
    ).toEqual([200, 200, 200]);
    expect(connected).toEqual([]);
  });

  HOST_ONLY('reaches of its gateway these ports only, and none of another job', async () => {
    const serve = cleanup.use(await startServe(['--dns', stage.net.dns]));
    const first = await openJob(serve, 'first');
    const second = await openJob(serve, 'second', ['other.com', 'other.com:9443']);
    const own = ownPorts(DEFAULT_GATEWAY_PORT);
    const listening = [own.names, own.http, own.https, own.slot(0)];
    const results = async (container: string, host: string, ports: readonly number[]) =>
      (
        await probe(
          container,
          ports.map((port) => tcp(host, port)),
        )
      ).map(({ result }) => result);
    expect(await results(first.name, first.gateway, [80, 443, 53, 8443, DEFAULT_GATEWAY_PORT])).toEqual(
      Array(5).fill('open'),
    );
    // Not where they are listened on: only what the rules have redirected passes.
    expect(await results(first.name, first.gateway, listening)).toEqual(Array(4).fill('ECONNREFUSED'));
    expect(await results(first.name, first.gateway, [9443, 8080, 22])).toEqual(Array(3).fill('ECONNREFUSED'));
    for (const result of await results(first.name, second.gateway, [80, 443, 53, 9443, ...listening])) {
      expect(result).toMatch(/^(ECONNREFUSED|ENETUNREACH)$/);
    }
    const [asked] = await probe(first.name, [udp(second.gateway, 53)]);
    expect(asked?.result).not.toBe('open');
    expect(await status(second.name, 'https://other.com/')).toBe('200');
  });

  HOST_ONLY('rules that are lost let nothing through, and are put back', async () => {
    const serve = cleanup.use(await startServe(['--dns', stage.net.dns]));
    const { name } = await openJob(serve, 'flushed');
    const reaches = () => status(name, '-m', '1', 'https://example.com:8443/');
    expect(await reaches()).toBe('200');
    const jump = ['-D', 'PREROUTING', '-i', 'jg-+', '-j', 'JOBGATE-PREROUTING'];
    for (const chain of [['-F', 'JOBGATE-PORTS'], ['-F', 'JOBGATE-PREROUTING'], jump]) {
      const before = await new Iptables().save(4);
      await run('iptables', ['-t', 'nat', ...chain]);
      // Either still refused or just put back; never anything else.
      expect(await reaches()).toMatch(/^(000|200)$/);
      await expect.poll(reaches, { timeout: 20_000, interval: 300 }).toBe('200');
      const ours = (text: string) => text.split('\n').filter((line) => line.includes('JOBGATE'));
      expect(ours(await new Iptables().save(4)).sort()).toEqual(ours(before).sort());
    }
  });

  HOST_ONLY(
    'leaves nothing: no rule, no listener, no file, nor does one that was killed for long',
    async () => {
      const bound = async () => {
        const { stdout } = await run('ss', ['-Hlntu']);
        const own = ownPorts(DEFAULT_GATEWAY_PORT);
        return stdout.split('\n').filter((line) => {
          const port = Number(/:(\d+)\s+\S+\s*$/.exec(line)?.[1]);
          return port >= DEFAULT_GATEWAY_PORT && port <= own.last;
        });
      };
      const rules = async () =>
        (await new Iptables().save(4)).split('\n').filter((line) => line.startsWith('-A JOBGATE-PORTS'));
      const netns = /\d+/.exec(readlinkSync('/proc/self/ns/net'))?.[0];
      const files = () =>
        existsSync('/run/jobgate')
          ? readdirSync('/run/jobgate').filter((file) => file.includes(`.${netns}.`))
          : [];
      await stage.job(DOMAINS, 'true');
      expect([await bound(), await rules(), files()]).toEqual([[], [], []]);

      const killed = startCli([
        'run',
        '--pull',
        'never',
        ...stage.options,
        ...DOMAINS,
        JOB_IMAGE,
        'sleep',
        '600',
      ]);
      await expect.poll(rules, { timeout: 20_000 }).toHaveLength(1);
      await vi.waitFor(() => expect(files()).toHaveLength(1));
      killed.child.kill('SIGKILL');
      await killed.done;
      await stage.job(DOMAINS, 'true');
      expect([await bound(), await rules(), files()]).toEqual([[], [], []]);
    },
  );
});

// Runs in the job: plain JavaScript, CommonJS. Names that nobody else would ask for, by every way there is.
const HOSTILE = `async ({ gateway, host }) => {
  const dns = require('dns'), dgram = require('dgram');
  const servers = [gateway, '127.0.0.11', host, '203.0.113.53'];
  const names = (n) => [
    ...Array.from({ length: n }, (_, i) => 'hostile-' + i + '.evil.test'),
    ...Array.from({ length: n }, (_, i) => 'hostile-' + i + '.example.com'),
    ...Array.from({ length: 20 }, (_, i) => ('hostile-' + i + '-').padEnd(60, 'x') + '.' + 'y'.repeat(60) + '.example.com'),
  ];
  for (const server of servers) {
    const resolver = new dns.promises.Resolver({ timeout: 200, tries: 1 });
    resolver.setServers([server]);
    const list = names(server === gateway ? 1000 : 100);
    for (let at = 0; at < list.length; at += 200) {
      await Promise.all(list.slice(at, at + 200).flatMap((name) => [
        resolver.resolve4(name).catch(() => {}), resolver.resolveTxt(name).catch(() => {}),
      ]));
    }
  }
  await Promise.all(names(50).map((name) => new Promise((resolve) => dns.lookup(name, resolve))));
}`;
