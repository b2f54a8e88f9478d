import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { appendFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openEngine } from '../../docker/engine/engine.js';
import type { Placement } from '../../docker/gateway/owned-network.js';
import { machineAddresses } from '../../proxy/decide/machine-addresses.js';
import type { Finding } from '../../src/doctor/finding.js';
import { Cleanup } from '../support/cleanup.js';
import { type Cli, cli, JOB_IMAGE, startCli } from '../support/cli.js';
import { docker, run } from '../support/e2e.js';
import { type Internet, startInternet } from '../support/internet.js';
import { startControlNetwork, startPlain } from '../support/isolated-job.js';
import { leftOvers } from '../support/left-overs.js';
import { type Probed, probe, type Target, tcp, udp } from '../support/probe.js';
import { startServe } from '../support/serve.js';
import type { Row } from './table.js';

/** What test/engines.sh started: `trixie podman rootless`. */
const asked = process.env.TEST_ENGINE ?? '';
const isPodman = asked.includes('podman');
const isRootless = asked.includes('rootless');
/** Placements that this engine cannot have, each with what is said of it. */
const refusals: Partial<Record<Placement, RegExp>> = isPodman
  ? { host: /the engine is Podman, which makes the bridge of a network when its first container starts/ }
  : isRootless
    ? { host: /the engine is not in this network namespace/ }
    : {};

const open = (probed: readonly Probed[]) => probed.filter(({ result }) => result === 'open');
const shown = (probed: readonly Target[]) =>
  probed.map(({ protocol, host, port }) => `${protocol} ${host}:${port}`);

describe.each(['host', 'container'] as const)('with gateways at the placement %s', (placement) => {
  const cleanup = new Cleanup();
  let net: Internet;
  let row: Row;
  let port: number;

  beforeAll(async () => {
    net = cleanup.use(await startInternet({ hosts: { 'allowed.test': {}, 'other.test': {} } }));
    const { product, version } = await openEngine();
    const engine = `${product} ${version}${isRootless ? ', rootless' : ''}`;
    row = { engine, release: asked.split(' ')[0] ?? '', placement, holds: true, serve: '', limits: '' };
    port = await greeter(cleanup);
  });
  afterAll(async () => {
    await cleanup[Symbol.asyncDispose]();
    if (process.env.TEST_ENGINES_ROWS)
      appendFileSync(process.env.TEST_ENGINES_ROWS, `${JSON.stringify(row)}\n`);
  });

  const refused = refusals[placement];
  const works = refused === undefined ? it : it.skip;
  const flags = () => [
    '--pull',
    'never',
    '--gateway',
    placement,
    '--dns',
    net.dns,
    '--domain',
    'allowed.test',
  ];
  const job = (script: string) => cli(['run', ...flags(), JOB_IMAGE, 'bash', '-c', script]);

  /** A job that does nothing; its container's name. */
  async function startJob(own: Cleanup): Promise<{ job: Cli; container: string; proxy: string }> {
    const before = new Set(await jobs());
    const script = 'trap exit TERM; echo "proxy $http_proxy"; while :; do sleep 1; done';
    const started = startCli(['run', ...flags(), JOB_IMAGE, 'bash', '-c', script]);
    own.add(async () => {
      started.child.kill('SIGTERM');
      await started.done;
    });
    await started.printed('proxy http');
    const [container = ''] = (await jobs()).filter((name) => !before.has(name));
    const proxy = /http:\/\/([\d.]+):/.exec(started.stdout)?.[1] ?? '';
    return { job: started, container, proxy };
  }
  const jobs = async () =>
    (await docker('ps', '--filter', `ancestor=${JOB_IMAGE}`, '--format', '{{.Names}}'))
      .split('\n')
      .filter((name) => /^jobgate-[0-9a-f]{20}-/.test(name));

  it('doctor says what it talks to, and what that cannot have', async () => {
    const { code, stdout } = await cli(['doctor', '--json', '--gateway', placement]);
    const findings = JSON.parse(stdout) as Finding[];
    const [engine, limits] = ['engine', 'engine limits'].map((check) =>
      findings.find((one) => one.check === check),
    );
    const [product, rootless] = [isPodman ? 'Podman' : 'Docker', isRootless ? ', rootless' : ''];
    expect(engine?.detail).toMatch(new RegExp(`^${product} \\d+\\.\\d+[^ ]*${rootless}, API `));
    row.limits = limits ? (/^it limits no (.*?) of/.exec(limits.detail)?.[1] ?? '') : '';
    const lacking = findings.filter((one) => one.status === 'fail' && one.placement === placement);
    if (refused === undefined) {
      expect([code, lacking]).toEqual([0, []]);
    } else {
      expect(code).toBe(125);
      expect(lacking.map(({ detail }) => detail).join()).toMatch(refused);
    }
  });

  it.skipIf(refused === undefined)('is refused in one line, and nothing is made', async () => {
    const { code, stdout, stderr } = await job('echo it ran');
    expect([code, stdout]).toEqual([125, '']);
    expect(stderr.trim().split('\n')).toHaveLength(1);
    expect(stderr).toMatch(refused as RegExp);
    row.holds = false;
    row.why = stderr
      .trim()
      .replace(/^jobgate: /, '')
      .replace(/jg-[0-9a-f]{12}/, 'jg-…');
    expect(await docker('network', 'ls', '--format', '{{.Name}}')).not.toContain('jobgate');
  });

  works(
    'a job reaches what it declared, with variables and with none, and is told why not the rest',
    async () => {
      const address = net.addresses['other.test'];
      const get = (name: string, ...args: string[]) =>
        `printf '${name} '; curl -ksS -o /dev/null -m 20 -w '%{http_code} %{http_connect}\\n' ${args.join(' ')} 2>/dev/null`;
      const { stdout, stderr } = await job(
        [
          get('http', 'http://allowed.test/'),
          get('https', 'https://allowed.test/'),
          get('direct-http', '--noproxy', "'*'", 'http://allowed.test/'),
          get('direct-https', '--noproxy', "'*'", 'https://allowed.test/'),
          get('other', 'https://other.test/'),
          get('address', `http://${address}/`),
          get('direct-other', '--noproxy', "'*'", 'http://other.test/'),
          get('direct-address', '--noproxy', "'*'", `http://${address}/`),
        ].join('\n'),
      );
      expect(stdout.trim().split('\n'), stderr).toEqual([
        'http 200 000',
        'https 200 200',
        'direct-http 200 000',
        'direct-https 200 000',
        'other 000 403',
        'address 403 000',
        'direct-other 000 000',
        'direct-address 000 000',
      ]);
      expect(stderr).toMatch(/other\.test:443 +once, domain-not-allowed/);
    },
  );

  works('from inside, its own proxy answers and nothing else does', async () => {
    await using own = new Cleanup();
    const [one, other] = [await startJob(own), await startJob(own)];
    const control = await startControlNetwork(own);
    const walled = await startPlain(own, '--network', control.name, JOB_IMAGE, 'sleep', '600');
    const ordinary = await startPlain(own, JOB_IMAGE, 'sleep', '600');
    // A service of the engine's host, which is not this machine where the engine is rootless.
    const listener = `require('net').createServer((s) => s.end('hello')).listen(${port + 1}, '0.0.0.0')`;
    await startPlain(own, '--network', 'host', JOB_IMAGE, 'node', '-e', listener);
    const seen =
      "console.log(JSON.stringify(Object.values(require('os').networkInterfaces()).flat().map((i) => i.address)))";
    const theirs: string[] = JSON.parse(
      await docker('run', '--rm', '--network', 'host', JOB_IMAGE, 'node', '-e', seen),
    );

    const [near = ''] = net.dns.split(':');
    const origin = net.addresses['allowed.test'] ?? '';
    const hostEnd = one.proxy.replace(/\d+$/, (last) =>
      String(placement === 'host' ? Number(last) : Number(last) - 1),
    );
    const hosts = [
      ...machineAddresses(),
      ...theirs,
      control.gateway,
      hostEnd,
      '10.0.2.2',
      '10.0.2.3',
      '169.254.1.1',
      '169.254.1.2',
    ]
      .filter(
        (address, i, all) =>
          !address.includes(':') && !address.startsWith('127.') && all.indexOf(address) === i,
      )
      .filter((address) => address !== one.proxy);
    const targets = [
      ...[80, 443].map((to) => tcp(origin, to)),
      ...[tcp(near, 53), udp(near, port)],
      ...hosts.flatMap((host) => [
        tcp(host, port),
        tcp(host, port + 1),
        udp(host, port),
        tcp(host, 53),
        tcp(host, 13128),
      ]),
      ...[80, 443, 13128].map((to) => tcp(other.proxy, to)),
      ...[tcp('2001:db8::1', 80), udp('2001:db8::1', port), tcp('169.254.169.254', 80)],
    ];
    const ports = [13128, 80, 443].map((to) => tcp(one.proxy, to));
    const [fromJob, fromOrdinary, fromWalled] = await Promise.all([
      probe(one.container, [...ports, ...targets], 4_000),
      probe(ordinary, targets, 4_000),
      probe(
        walled,
        [tcp(control.gateway, port), tcp(control.gateway, port + 1), tcp(control.gateway, 53)],
        4_000,
      ),
    ]);
    expect(shown(open(fromJob))).toEqual(shown(ports));
    // What the job does not reach is there.
    expect(shown(open(fromOrdinary))).toEqual(
      expect.arrayContaining([`tcp ${origin}:80`, `tcp ${origin}:443`, `tcp ${near}:${port}`]),
    );
    expect(open(fromOrdinary).some(({ protocol }) => protocol === 'udp')).toBe(true);
    // Nor does Docker's or Podman's own internal network keep a container from its host.
    expect(open(fromWalled).length).toBeGreaterThan(0);

    // No name leads out either, by whatever resolver.
    const ask = (server: string) =>
      `const r = new (require('dns').Resolver)({ timeout: 1500, tries: 1 }); r.setServers(['${server}']);
       r.resolve4('allowed.test', (e, a) => console.log(e ? e.code : String(a)))`;
    expect(await docker('exec', ordinary, 'node', '-e', ask(net.dns))).toBe(origin);
    expect(await docker('exec', one.container, 'node', '-e', ask(net.dns))).not.toBe(origin);
    const leak = "require('dns').lookup('secret.evil.test', (e) => console.log(e ? e.code : 'found'))";
    expect(await docker('exec', one.container, 'node', '-e', leak)).not.toBe('found');
    expect(net.dnsServer.queries.join()).not.toContain('evil');
  });

  works('a job has nothing to make frames, routes or IPv6 with', async () => {
    const look =
      'grep -E "^(CapBnd|NoNewPrivs)" /proc/self/status; cat /proc/sys/net/ipv6/conf/all/disable_ipv6; ' +
      "python3 -c 'import socket; socket.socket(socket.AF_PACKET, socket.SOCK_RAW)' 2>&1 | tail -1";
    const { stdout } = await job(look);
    const [, capabilities = ''] = /^CapBnd:\s+(\w+)$/m.exec(stdout) ?? [];
    const [admin, raw] = [12n, 13n].map((bit) => (BigInt(`0x${capabilities}`) >> bit) & 1n);
    expect([admin, raw]).toEqual([0n, 0n]);
    expect(stdout).toMatch(/^NoNewPrivs:\s+1\n1\nPermissionError: /m);
  });

  works('one that outlives a jobgate that was killed reaches nothing; clean leaves nothing', async () => {
    await using own = new Cleanup();
    const { job: started, container, proxy } = await startJob(own);
    const ports = [13128, 80, 443].map((to) => tcp(proxy, to));
    expect(open(await probe(container, ports))).toHaveLength(3);
    started.child.kill('SIGKILL');
    await started.done;
    await expect.poll(async () => open(await probe(container, ports)), { interval: 500 }).toEqual([]);
    const targets = [
      tcp(net.addresses['allowed.test'] ?? '', 80),
      ...machineAddresses().map((host) => tcp(host, port)),
    ];
    expect(
      open(
        await probe(
          container,
          targets.filter(({ host }) => !host.includes(':')),
        ),
      ),
    ).toEqual([]);
    expect((await run('docker', ['inspect', container])).code).toBe(0);
    expect((await cli(['clean'])).code).toBe(0);
    expect((await run('docker', ['inspect', container])).code).not.toBe(0);
    expect(await docker('network', 'ls', '--format', '{{.Name}}')).not.toContain('jobgate-');
  });

  works('serve opens gateways, or says why not', async () => {
    await using serve = await startServe(['--gateway', placement]);
    const { status, body } = await serve.ask('/v1/gateways', {
      body: { jobId: 'j', network: { Domains: ['allowed.test'] } },
    });
    expect(status, JSON.stringify(body)).toBe(isPodman ? 503 : 201);
    if (isPodman) expect(JSON.stringify(body)).toContain('the engine is Podman');
    row.serve = isPodman ? 'no' : 'yes';
  });

  it('and nothing of it is left', async () => {
    await cleanup[Symbol.asyncDispose]();
    expect(leftOvers()).toEqual([]);
  });
});

/** Services of this machine on all its addresses, by TCP and UDP, that greet. @returns their port */
async function greeter(cleanup: Cleanup): Promise<number> {
  const server = createServer((socket) => socket.on('error', () => {}).end('hello\n')).listen(0, '0.0.0.0');
  await once(server, 'listening');
  cleanup.add(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const socket = createSocket('udp4');
  socket.on('message', (_, from) => socket.send('hello', from.port, from.address, () => {}));
  socket.bind(port);
  await once(socket, 'listening');
  cleanup.add(() => void socket.close());
  return port;
}
