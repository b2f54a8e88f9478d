import { networkInterfaces } from 'node:os';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { machineIpv4Addresses } from '../../proxy/decide/machine-addresses.js';
import { Cleanup } from '../support/cleanup.js';
import { describeE2e, docker, JOB_IMAGE } from '../support/e2e.js';
import { newName, startGate, type TestGate } from '../support/gate.js';
import { GREETER, startHostServices } from '../support/host-services.js';
import { type Internet, startInternet } from '../support/internet.js';
import { startPlain } from '../support/isolated-job.js';
import { type Probed, probe, tcp, udp } from '../support/probe.js';

/** What the lock-down and the gateways in containers are held to, from containers that came through the gate. */
describeE2e('from a container that came through the gate', () => {
  const cleanup = new Cleanup();
  let gate: TestGate;
  let internet: Internet;
  let addresses: string[];
  let hostPort: number;
  let hostPort6: number;
  let udpPort: number;
  let published: number;
  /** One of its own network, two that share one, and an ordinary one. */
  const [single, first, second] = [newName('single'), newName('first'), newName('second')];
  let plain: string;

  beforeAll(async () => {
    gate = cleanup.use(await startGate());
    internet = cleanup.use(
      await startInternet({ hosts: { 'origin.test': { services: { 80: 'http', 53: 'udp' } } } }),
    );
    ({ tcp: hostPort, tcp6: hostPort6, udp: udpPort, published } = await startHostServices(cleanup));
    plain = await startPlain(cleanup, JOB_IMAGE, 'sleep', '600');

    const label = ['--label', 'jobgate.domains=allowed.test'];
    const run = ['run', '-d', '--entrypoint', 'node'];
    const listening = [JOB_IMAGE, '-e', GREETER];
    await gate.docker(...run, '--name', single, ...label, ...listening);
    const net = newName('net');
    await gate.docker('network', 'create', ...label, net);
    for (const name of [first, second])
      await gate.docker(...run, '--name', name, '--network', net, ...listening);
    addresses = machineIpv4Addresses();
  });
  afterAll(() => cleanup[Symbol.asyncDispose]());

  const open = (probed: Probed[]) => probed.filter(({ result }) => result === 'open');
  const addressOf = async (name: string) =>
    (
      await docker('inspect', '--format', '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}', name)
    ).trim();
  const all = () => [single, first];

  it('no service of the host is reached, by any address, nor what others publish', async () => {
    const targets = addresses.flatMap((one) => [tcp(one, hostPort), udp(one, udpPort), tcp(one, published)]);
    for (const name of all()) expect(open(await probe(name, targets)), name).toEqual([]);
    expect(open(await probe(plain, targets)).length).toBeGreaterThan(2);
  });

  it('nothing outside is reached, by TCP or UDP', async () => {
    const address = internet.addresses['origin.test'] ?? '';
    internet.forget();
    const targets = [tcp(address, 80), udp(address, 53)];
    for (const name of all()) expect(open(await probe(name, targets)), name).toEqual([]);
    expect(await internet.seen()).toEqual([]);
    await probe(plain, targets);
    expect((await internet.seen()).map(({ kind }) => kind).sort()).toEqual(['connection', 'datagram']);
  });

  it('no other container is reached, but those that share its network', async () => {
    const [one, two, three] = await Promise.all([single, first, second].map(addressOf));
    expect(open(await probe(first, [tcp(three as string, 8080)]))).toHaveLength(1);
    expect(open(await probe(single, [tcp(two as string, 8080), tcp(three as string, 8080)]))).toEqual([]);
    expect(open(await probe(first, [tcp(one as string, 8080)]))).toEqual([]);
    const bridged = await addressOf(plain);
    expect(open(await probe(single, [tcp(bridged, 8080)]))).toEqual([]);
  });

  it("only its own gateway is reached, and of that nothing but the proxy's port", async () => {
    const { gateways } = (await gate.serve.ask('/v1/gateways')).body;
    expect(gateways).toHaveLength(2);
    const proxies = gateways.map(({ proxy }: { proxy: { url: string } }) => new URL(proxy.url));
    const targets = proxies.flatMap((url: URL) => [
      tcp(url.hostname, Number(url.port)),
      tcp(url.hostname, hostPort),
    ]);
    for (const name of all()) expect(open(await probe(name, targets)), name).toHaveLength(1);
  });

  it('no IPv6 address of the host is reached', async () => {
    const own = Object.values(networkInterfaces()).flat();
    const hosts = own.filter((a) => a?.family === 'IPv6' && !a.internal).map((a) => a?.address ?? '');
    const targets = [tcp('::1', hostPort6), ...hosts.map((host) => tcp(host, hostPort6))];
    for (const name of all()) expect(open(await probe(name, targets)), name).toEqual([]);
  });

  it('no name is looked up', async () => {
    const look = "require('dns').lookup('origin.test', (error) => console.log(error && error.code))";
    for (const name of all()) expect(await docker('exec', name, 'node', '-e', look)).toMatch(/^E/);
    const [embedded] = await probe(single, [udp('127.0.0.11', 53)]);
    expect(embedded?.result).not.toBe('open');
  });

  it('raw sockets and the administration of networks are not to be had', async () => {
    const script =
      "s=require('child_process').spawnSync; console.log(require('fs').readFileSync('/proc/self/status','utf8'))";
    const bits = async (name: string) =>
      BigInt(`0x${/^CapBnd:\s*(\w+)$/m.exec(await docker('exec', name, 'node', '-e', script))?.[1]}`);
    const [NET_ADMIN, NET_RAW] = [1n << 12n, 1n << 13n];
    for (const name of all()) expect((await bits(name)) & (NET_ADMIN | NET_RAW)).toBe(0n);
    expect((await bits(plain)) & NET_RAW).toBe(NET_RAW);
  });
});
