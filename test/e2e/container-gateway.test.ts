import { execFileSync } from 'node:child_process';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { GatewayError } from '../../docker/engine/errors.js';
import { type ContainerGatewayOptions, containerGateways } from '../../docker/gateway/container-gateways.js';
import { engineHostAddresses } from '../../docker/gateway/engine-host-addresses.js';
import type { Gateway } from '../../docker/gateway/gateway.js';
import type { OwnedNetwork } from '../../docker/gateway/owned-network.js';
import { containerName, type Owner, openOwner } from '../../docker/gateway/owner.js';
import { createProxyContainer } from '../../docker/gateway/proxy-container.js';
import { addressAfter } from '../../docker/gateway/subnet-pool.js';
import { readNetwork } from '../../docker/gateway/sweep.js';
import { defaultGatewayImage } from '../../docker/image/gateway-image.js';
import { DEFAULT_OPERATOR_POLICY, type EgressPolicy } from '../../proxy/policy/policy.js';
import type { ProxyEvent } from '../../proxy/report/events.js';
import { RemoteProxy } from '../../proxy/worker/remote-proxy.js';
import { Cleanup } from '../support/cleanup.js';
import { describeE2e, docker, run } from '../support/e2e.js';
import { type Internet, startInternet } from '../support/internet.js';
import { type Engine, openEngine, startControlNetwork, startIsolated } from '../support/isolated-job.js';
import { probe, tcp } from '../support/probe.js';

describeE2e('a gateway in a container', () => {
  const suite = new Cleanup();
  let cleanup: Cleanup;
  let engine: Engine;
  let owner: Owner;
  let net: Internet;

  beforeAll(async () => {
    engine = await openEngine();
    owner = suite.use(await openOwner('serve'));
    net = suite.use(await startInternet({ hosts: { 'allowed.test': {} } }));
  });
  afterAll(() => suite[Symbol.asyncDispose]());
  beforeEach(() => {
    cleanup = new Cleanup();
  });
  afterEach(() => cleanup[Symbol.asyncDispose]());

  const policy = (
    change: Partial<EgressPolicy['operator']> = {},
    allow = ['allowed.test'],
  ): EgressPolicy => ({
    job: { job: 'gateway-test', allow, rate: null },
    operator: { ...DEFAULT_OPERATOR_POLICY, dns: net.dns, ...change },
  });
  const events: ProxyEvent[] = [];
  const open = (options: ContainerGatewayOptions = {}, given = policy(), existing?: OwnedNetwork) =>
    containerGateways(options)({
      engine,
      owner,
      policy: given,
      onEvent: (event) => events.push(event),
      ...(existing && { existing }),
    }).then((gateway) => cleanup.use(gateway));

  const curl = async (container: string, gateway: Gateway, url: string) =>
    (await run('docker', ['exec', container, 'curl', '-sS', '-m', '5', '-i', '-x', gateway.proxy.url, url]))
      .stdout;
  const networks = async () => (await docker('network', 'ls', '--format', '{{.Name}}')).split('\n');
  const containers = async () =>
    (await docker('ps', '-a', '--filter', `name=jobgate-${owner.id}`, '--format', '{{.Names}}')).split('\n');
  const gatewayContainer = async ({ network }: Gateway) =>
    docker(
      'ps',
      '-aq',
      '--filter',
      `network=${network.name}`,
      '--filter',
      `ancestor=${defaultGatewayImage()}`,
    );

  it('lets its job reach what is allowed, refuses the rest, and tells its parent', async () => {
    const gateway = await open();
    const job = await startIsolated(engine, gateway.network.name, owner, cleanup);
    events.splice(0);
    expect(await curl(job, gateway, 'http://allowed.test/')).toMatch(/^HTTP\/1\.1 200 /);
    expect(await curl(job, gateway, 'http://refused.test/')).toMatch(
      /^HTTP\/1\.1 403 [\s\S]*X-Jobgate-Deny: domain-not-allowed/i,
    );
    await expect.poll(() => gateway.figures()).toMatchObject({ allowed: 1, denied: 1, connections: 0 });
    const { up, down, hosts } = gateway.figures();
    expect(Math.min(up, down)).toBeGreaterThan(100);
    expect(hosts.map(({ host }) => host)).toEqual(['allowed.test', 'refused.test']);
    expect(events.map((event) => [event.type, event.host])).toEqual([
      ['decision', 'allowed.test'],
      ['closed', 'allowed.test'],
      ['decision', 'refused.test'],
    ]);
  });

  it('has no privilege, no writable file, and limits', async () => {
    const gateway = await open();
    const [info] = JSON.parse(await docker('inspect', await gatewayContainer(gateway)));
    expect(info.Config).toMatchObject({
      User: '10213:10213',
      OpenStdin: true,
      StdinOnce: true,
      Env: expect.any(Array),
    });
    expect(info.HostConfig).toMatchObject({
      CapDrop: ['ALL'],
      Privileged: false,
      ReadonlyRootfs: true,
      SecurityOpt: ['no-new-privileges'],
      Memory: 512 << 20,
      PidsLimit: 64,
      Binds: null,
    });
    const status = await docker(
      'exec',
      info.Id,
      'node',
      '-e',
      "console.log(require('fs').readFileSync('/proc/1/status','utf8'))",
    );
    expect(status).toMatch(/^CapBnd:\s+0+$/m);
    expect(status).toMatch(/^NoNewPrivs:\s+1$/m);
    // The policy is on no command line and in no environment.
    expect(JSON.stringify(info)).not.toContain('allowed.test');
    const [network] = JSON.parse(await docker('network', 'inspect', gateway.network.name));
    expect(network).toMatchObject({ Internal: true, EnableIPv6: false, Attachable: false });
  });

  it('narrows its clients to the container, and widens them again', async () => {
    const gateway = await open();
    const [job, second] = [
      await startIsolated(engine, gateway.network.name, owner, cleanup),
      await startIsolated(engine, gateway.network.name, owner, cleanup),
    ];
    const url = 'http://allowed.test/';
    expect(await curl(second, gateway, url)).toMatch(/^HTTP\/1\.1 200 /);
    const format = `{{(index .NetworkSettings.Networks "${gateway.network.name}").IPAddress}}`;
    gateway.setContainer(await docker('inspect', '-f', format, job));
    await expect.poll(() => curl(second, gateway, url)).toContain('client-not-allowed');
    expect(await curl(job, gateway, url)).toMatch(/^HTTP\/1\.1 200 /);
    for (const address of [gateway.network.gateway, gateway.proxy.host, '10.0.0.1', '10.213.0.0/16', '']) {
      expect(() => gateway.setContainer(address)).toThrow(GatewayError);
    }
  });

  it("refuses the engine's host by its public addresses, those that a helper finds on it", async () => {
    const address = (net.addresses['allowed.test'] ?? '').replace(/\d+$/, '250');
    execFileSync('ip', ['addr', 'add', `${address}/32`, 'dev', 'lo']);
    cleanup.add(() => execFileSync('ip', ['addr', 'del', `${address}/32`, 'dev', 'lo']));
    expect(
      await engineHostAddresses({ docker: engine.docker, owner, image: defaultGatewayImage() }),
    ).toContain(address);
    const gateway = await open(
      {},
      policy({ addHosts: [['host.test', address]] }, ['host.test', 'allowed.test']),
    );
    const job = await startIsolated(engine, gateway.network.name, owner, cleanup);
    expect(await curl(job, gateway, 'http://host.test/')).toContain('address-of-node');
    expect(await curl(job, gateway, 'http://allowed.test/')).toMatch(/^HTTP\/1\.1 200 /);
  });

  it('comes back at its address when its container ends, and is cut off, with its job, the third time', async () => {
    const gateway = await open();
    const job = await startIsolated(engine, gateway.network.name, owner, cleanup);
    const answer = () => curl(job, gateway, 'http://allowed.test/');
    for (let i = 1; i <= 2; i++) {
      expect(await answer()).toMatch(/^HTTP\/1\.1 200 /);
      // What it counted in its last second goes with it.
      await expect.poll(() => gateway.figures().allowed).toBeGreaterThanOrEqual(2 * i - 1);
      const old = await gatewayContainer(gateway);
      await docker('kill', old);
      await expect.poll(() => gatewayContainer(gateway).catch(() => old), { interval: 100 }).not.toBe(old);
      await expect.poll(answer, { interval: 100 }).toMatch(/^HTTP\/1\.1 200 /);
      await expect.poll(() => gateway.figures().allowed).toBeGreaterThanOrEqual(2 * i);
    }
    await docker('kill', await gatewayContainer(gateway));
    expect((await gateway.failed).message).toMatch(
      /^the gateway's container ended \(exit code 137\), for the third time within ten minutes$/,
    );
    expect(await docker('inspect', '-f', '{{len .NetworkSettings.Networks}}', job)).toBe('0');
    await gateway.close();
    expect(await networks()).not.toContain(gateway.network.name);
  });

  it('closes with its network, containers on it or not, once or twice', async () => {
    const gateway = await open();
    const id = await gatewayContainer(gateway);
    await startIsolated(engine, gateway.network.name, owner, cleanup);
    await Promise.all([gateway.close(), gateway.close()]);
    expect(await networks()).not.toContain(gateway.network.name);
    await expect(docker('inspect', id)).rejects.toThrow(/no such/i);
  });

  it('lets what is under way finish when it is drained', async () => {
    const slow = policy();
    const gateway = await open({}, { ...slow, job: { ...slow.job, rate: 800_000 } });
    const job = await startIsolated(engine, gateway.network.name, owner, cleanup);
    const args = ['exec', job, 'curl', '-sS', '-o', '/dev/null', '-w', '%{http_code} %{size_download}'];
    const download = run('docker', [...args, '-x', gateway.proxy.url, 'http://allowed.test/bytes/200000']);
    await expect.poll(() => gateway.figures().requests, { interval: 20 }).toBe(1);
    await gateway.drain(10_000);
    expect((await download).stdout).toBe('200 200000');
  });

  it('can be left, and opened again at the same address for the same job', async () => {
    const gateway = await open();
    const job = await startIsolated(engine, gateway.network.name, owner, cleanup);
    await gateway.leave(1_000);
    expect((await probe(job, [tcp(gateway.proxy.host, gateway.proxy.port)], 500))[0]?.result).not.toBe(
      'open',
    );
    const [info] = JSON.parse(await docker('network', 'inspect', gateway.network.name));
    const existing = readNetwork(info) as OwnedNetwork;
    expect(existing.placement).toBe('container');
    const again = await open({}, policy(), existing);
    expect(again.proxy).toEqual(gateway.proxy);
    expect(await curl(job, gateway, 'http://allowed.test/')).toMatch(/^HTTP\/1\.1 200 /);
    await again.close();
    expect(await networks()).not.toContain(gateway.network.name);
  });

  it('does not open where the host has an address on the isolated network', async () => {
    const network = await startControlNetwork(cleanup);
    const address = addressAfter(network.gateway);
    const start = async (hostEnd: string) => {
      await using own = new Cleanup();
      const container = await createProxyContainer(engine.docker, {
        ...{ name: containerName(owner), image: defaultGatewayImage(), network: network.name, address },
        outside: 'bridge',
        lowPorts: false,
      });
      own.add(() => container.remove());
      const place = async () => ({ link: container.link, hostEnd });
      const proxy = new RemoteProxy(policy(), { place, onStuck: () => {} });
      await container.start(() => proxy.listen({ host: address, port: 13128, clients: [] }));
    };
    await start(addressAfter(addressAfter(address)));
    await expect(start(network.gateway)).rejects.toThrow(
      `the engine's host has an address on the isolated network: ${network.gateway} answers`,
    );
  });

  it('says in one line what is missing, and leaves nothing behind', async () => {
    const before = await networks();
    await docker('network', 'create', '--internal', `jobgate-test-${owner.id}`);
    cleanup.add(() => docker('network', 'rm', `jobgate-test-${owner.id}`));
    const cases: [ContainerGatewayOptions, EgressPolicy, RegExp][] = [
      [{ image: 'missing.invalid/x:1' }, policy(), /^image missing\.invalid\/x:1, .* jobgate image /],
      [{ outside: 'nowhere' }, policy(), /^network nowhere, .* docker network create nowhere/],
      [{ outside: 'host' }, policy(), /^network host is of driver host/],
      [{ outside: `jobgate-test-${owner.id}` }, policy(), /^network \S+ is internal and leads nowhere/],
      [{ subnetPool: { pool: '127.0.0.0/29' } }, policy(), /subnet pool 127\.0\.0\.0\/29/],
      [{}, policy({ dns: '127.0.0.1:53' }), /^the DNS server 127\.0\.0\.1:53 is on the loopback/],
      [
        {},
        policy({ upstream: 'http://localhost:3128' }),
        /^the upstream proxy at localhost is on the loopback/,
      ],
      [{}, policy({}, ['*.example.com']), /example\.com/],
      // An image without jobgate in it.
      [
        { image: 'jobgate-job:local' },
        policy(),
        /^the gateway's container ended \(exit code 1\): .*Cannot find module/,
      ],
    ];
    for (const [options, given, message] of cases) {
      const error = (await open(options, given).catch((thrown) => thrown)) as Error;
      expect(error.message).toMatch(message);
      expect(error.message).not.toContain('\n');
    }
    expect((await networks()).filter((name) => !name.includes('test'))).toEqual(before);
    expect(await containers()).toEqual(['']);
  });
});
