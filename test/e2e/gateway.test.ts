import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { GatewayError, PortTakenError } from '../../docker/engine/errors.js';
import type { Gateway } from '../../docker/gateway/gateway.js';
import { type HostGatewayOptions, hostGateways } from '../../docker/gateway/host-gateway.js';
import { type Owner, openOwner } from '../../docker/gateway/owner.js';
import { FirewallError, Iptables } from '../../docker/host/firewall.js';
import { interfaceNames } from '../../docker/host/host-net.js';
import { Lockdown } from '../../docker/host/lockdown.js';
import { DEFAULT_OPERATOR_POLICY, type EgressPolicy } from '../../proxy/policy/policy.js';
import type { ProxyEvent } from '../../proxy/report/events.js';
import { Cleanup } from '../support/cleanup.js';
import { describeE2e, docker, run } from '../support/e2e.js';
import { type Engine, listen, openEngine, startIsolated } from '../support/isolated-job.js';
import { probe, tcp } from '../support/probe.js';

const policy = (change: Partial<EgressPolicy['job']> = {}): EgressPolicy => ({
  job: { job: 'gateway-test', allow: ['allowed.test'], rate: null, ...change },
  operator: {
    ...DEFAULT_OPERATOR_POLICY,
    addHosts: [['allowed.test', '127.0.0.1']],
    allowAddresses: ['127.0.0.1/32'],
  },
});

describeE2e('a gateway on the host', () => {
  const suite = new Cleanup();
  let cleanup: Cleanup;
  let engine: Engine;
  let owner: Owner;
  let origin: number;

  beforeAll(async () => {
    engine = await openEngine();
    owner = suite.use(await openOwner('run'));
    const server = createServer((_, res) => res.end('from the origin'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    suite.add(() => new Promise((resolve) => server.close(resolve)));
    origin = (server.address() as { port: number }).port;
  });
  afterAll(() => suite[Symbol.asyncDispose]());
  beforeEach(() => {
    cleanup = new Cleanup();
  });
  afterEach(() => cleanup[Symbol.asyncDispose]());

  const events: ProxyEvent[] = [];
  async function open(
    options: HostGatewayOptions = {},
    change: Partial<EgressPolicy['job']> = {},
  ): Promise<Gateway> {
    const onEvent = (event: ProxyEvent) => events.push(event);
    return cleanup.use(await hostGateways(options)({ engine, owner, policy: policy(change), onEvent }));
  }

  const curl = (container: string, gateway: Gateway, url: string) =>
    run('docker', ['exec', container, 'curl', '-sS', '-m', '5', '-i', '-x', gateway.proxy.url, url]);
  const networks = async () => (await docker('network', 'ls', '--format', '{{.Name}}')).split('\n');
  const bridgeOf = (gateway: Gateway) => `jg-${gateway.id}`;

  it('lets its job reach what is allowed, and refuses the rest', async () => {
    const gateway = await open({}, { allow: [`allowed.test:${origin}`] });
    const job = await startIsolated(engine, gateway.network.name, owner, cleanup);
    const allowed = await curl(job, gateway, `http://allowed.test:${origin}/`);
    expect(allowed.stdout).toMatch(/^HTTP\/1\.1 200 /);
    expect(allowed.stdout).toContain('from the origin');
    const refused = await curl(job, gateway, 'http://refused.test/');
    expect(refused.stdout).toMatch(/^HTTP\/1\.1 403 [\s\S]*X-Jobgate-Deny: domain-not-allowed/i);
    await expect.poll(() => gateway.figures()).toMatchObject({ allowed: 1, denied: 1 });
    expect(events.filter((event) => event.type === 'decision').map(({ host }) => host)).toEqual([
      'allowed.test',
      'refused.test',
    ]);
  });

  it('makes an internal network of its own, without IPv6, named after nothing of the job', async () => {
    const gateway = await open();
    const [info] = JSON.parse(await docker('network', 'inspect', gateway.network.name));
    expect(info).toMatchObject({ Internal: true, EnableIPv6: false, Attachable: false, Driver: 'bridge' });
    expect(info.Options['com.docker.network.bridge.name']).toBe(bridgeOf(gateway));
    expect(gateway.network.name).toMatch(/^jobgate-[0-9a-f]{12}$/);
    expect(bridgeOf(gateway).length).toBeLessThanOrEqual(15);
    expect(info.Labels).toMatchObject({
      'io.jobgate.owner': owner.id,
      'io.jobgate.kind': 'run',
      'io.jobgate.job': 'gateway-test',
      'io.jobgate.allow': '["allowed.test"]',
      'io.jobgate.rate': 'unlimited',
    });
    expect(JSON.stringify(info.Labels)).not.toContain('127.0.0.1'); // the operator's part stays out
    const setting = (path: string) => readFileSync(`/proc/sys/net/${path}`, 'utf8').trim();
    expect(setting(`ipv6/conf/${bridgeOf(gateway)}/disable_ipv6`)).toBe('1');
  });

  it('narrows its clients to the container', async () => {
    const gateway = await open({}, { allow: [`allowed.test:${origin}`] });
    const job = await startIsolated(engine, gateway.network.name, owner, cleanup);
    const second = await startIsolated(engine, gateway.network.name, owner, cleanup);
    const format = `{{(index .NetworkSettings.Networks "${gateway.network.name}").IPAddress}}`;
    const url = `http://allowed.test:${origin}/`;
    expect((await curl(second, gateway, url)).stdout).toMatch(/^HTTP\/1\.1 200 /);
    gateway.setContainer(await docker('inspect', '-f', format, job));
    expect((await curl(second, gateway, url)).stdout).not.toMatch(/^HTTP\/1\.1 200 /);
    expect((await curl(job, gateway, url)).stdout).toMatch(/^HTTP\/1\.1 200 /);
    for (const address of [gateway.network.gateway, '10.0.0.1', '10.213.0.0/16', '']) {
      expect(() => gateway.setContainer(address)).toThrow(GatewayError);
    }
  });

  it('does not serve the host itself', async () => {
    const gateway = await open({}, { allow: [`allowed.test:${origin}`] });
    const ran = await run('curl', [
      '-s',
      '-m',
      '5',
      '-x',
      gateway.proxy.url,
      `http://allowed.test:${origin}/`,
    ]);
    expect(ran.stdout).not.toContain('from the origin');
  });

  it('closes with its network, containers on it or not, once or twice', async () => {
    const gateway = await open();
    const job = await startIsolated(engine, gateway.network.name, owner, cleanup);
    await Promise.all([gateway.close(), gateway.close()]);
    expect(await networks()).not.toContain(gateway.network.name);
    expect(interfaceNames()).not.toContain(bridgeOf(gateway));
    expect(await docker('inspect', '-f', '{{.State.Running}}', job)).toBe('true');
  });

  it('closes when somebody else has removed its network', async () => {
    const gateway = await open();
    await docker('network', 'rm', gateway.network.name);
    await gateway.close();
  });

  it('opens many at once', async () => {
    const opener = hostGateways();
    const all = await Promise.all(
      Array.from({ length: 12 }, async () => cleanup.use(await opener({ engine, owner, policy: policy() }))),
    );
    expect(new Set(all.map(({ network }) => network.subnet)).size).toBe(12);
  });

  it('says which port is taken, and leaves nothing behind', async () => {
    await listen(cleanup, '0.0.0.0', 13128);
    const before = await networks();
    await expect(open()).rejects.toThrow(PortTakenError);
    await expect(open()).rejects.toThrow(/^port 13128 of 10\.213\.\d+\.\d+ is taken: .*--gateway-port$/);
    expect(await networks()).toEqual(before);
  });

  it('leaves nothing behind when the policy is invalid, the lock-down fails or the pool is used up', async () => {
    const before = await networks();
    await expect(open({}, { allow: ['*.example.com'] })).rejects.toThrow(/example\.com/);

    const firewall = new Iptables();
    firewall.save = () => Promise.reject(new FirewallError('privilege', 'run as root'));
    await expect(open({ lockdown: new Lockdown({ firewall }) })).rejects.toThrow('run as root');

    // Once the network is there.
    const lockdown = new Lockdown();
    vi.spyOn(lockdown, 'ensure').mockResolvedValueOnce(false).mockRejectedValueOnce(new Error('flushed'));
    await expect(open({ lockdown })).rejects.toThrow('flushed');

    await expect(open({ subnetPool: { pool: '127.0.0.0/29' } })).rejects.toThrow(
      /subnet pool 127\.0\.0\.0\/29/,
    );
    expect(await networks()).toEqual(before);
  });

  it('is cut off, with its job, when the lock-down cannot be kept', async () => {
    const firewall = new Iptables();
    const lockdown = new Lockdown({ firewall, intervalMs: 200 });
    const gateway = await open({ lockdown });
    const job = await startIsolated(engine, gateway.network.name, owner, cleanup);
    expect((await probe(job, [tcp(gateway.proxy.host, gateway.proxy.port)]))[0]?.result).toBe('open');
    firewall.save = () => Promise.reject(new FirewallError('failed', 'iptables-save failed'));
    expect(await gateway.failed).toBeInstanceOf(FirewallError);
    expect((await probe(job, [tcp(gateway.proxy.host, gateway.proxy.port)], 500))[0]?.result).not.toBe(
      'open',
    );
    expect(await docker('inspect', '-f', '{{len .NetworkSettings.Networks}}', job)).toBe('0');
    await gateway.close();
    expect(await networks()).not.toContain(gateway.network.name);
  });

  it('keeps IPv6 off its bridge while it is open', async () => {
    const gateway = await open({ lockdown: new Lockdown({ intervalMs: 100 }) });
    const path = `/proc/sys/net/ipv6/conf/${bridgeOf(gateway)}/disable_ipv6`;
    writeFileSync(path, '0');
    await expect.poll(() => readFileSync(path, 'utf8').trim()).toBe('1');
  });
});
