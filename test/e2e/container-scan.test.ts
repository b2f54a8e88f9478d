import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { containerGateways } from '../../docker/gateway/container-gateways.js';
import type { Gateway } from '../../docker/gateway/gateway.js';
import { type Owner, openOwner } from '../../docker/gateway/owner.js';
import { addressAfter } from '../../docker/gateway/subnet-pool.js';
import { hasIpv6 } from '../../docker/host/host-net.js';
import { defaultGatewayImage } from '../../docker/image/gateway-image.js';
import { machineAddresses } from '../../proxy/decide/machine-addresses.js';
import { DEFAULT_OPERATOR_POLICY } from '../../proxy/policy/policy.js';
import { Cleanup } from '../support/cleanup.js';
import { describeE2e, docker, JOB_IMAGE, run } from '../support/e2e.js';
import { sendIpv4Frames } from '../support/ipv4-frames.js';
import { canSendFrames, macOf, sendIpv6Frames } from '../support/ipv6-frames.js';
import {
  type ControlNetwork,
  type Engine,
  listen,
  openEngine,
  startControlNetwork,
  startIsolated,
  startPlain,
} from '../support/isolated-job.js';
import { leaveOut } from '../support/leave-out.js';
import { type Probed, probe, tcp, udp } from '../support/probe.js';

const IMAGE = defaultGatewayImage();

const policy = {
  job: { job: 'scan', allow: ['allowed.test'], rate: null },
  operator: DEFAULT_OPERATOR_POLICY,
};

describeE2e('from a job whose gateway is a container', () => {
  const cleanup = new Cleanup();
  let engine: Engine;
  let owner: Owner;
  let gateway: Gateway;
  let other: Gateway;
  /** A network that differs in that the host has its address on it, and a container there. */
  let control: ControlNetwork;
  let controlJob: string;
  let job: string;
  let tcp4: number;
  let tcp6: number;
  let datagrams: Socket;
  let udp4: number;
  let udp6: number;
  let v4: string[];
  let v6: string[];

  async function datagramServer(family: 'udp4' | 'udp6'): Promise<Socket> {
    const socket = createSocket({ type: family, ipv6Only: family === 'udp6' });
    socket.on('message', (_, from) => socket.send('hello', from.port, from.address, () => {}));
    socket.bind(0);
    await once(socket, 'listening');
    cleanup.add(() => socket.close());
    return socket;
  }

  beforeAll(async () => {
    engine = await openEngine();
    owner = cleanup.use(await openOwner('run'));
    const open = containerGateways();
    gateway = cleanup.use(await open({ engine, owner, policy }));
    other = cleanup.use(await open({ engine, owner, policy }));
    control = await startControlNetwork(cleanup);
    job = await startIsolated(engine, gateway.network.name, owner, cleanup);
    controlJob = await startIsolated(engine, control.name, owner, cleanup);
    tcp4 = await listen(cleanup, '0.0.0.0');
    tcp6 = await listen(cleanup, '::');
    datagrams = await datagramServer('udp4');
    udp4 = (datagrams.address() as AddressInfo).port;
    udp6 = ((await datagramServer('udp6')).address() as AddressInfo).port;
    const all = machineAddresses();
    v4 = all.filter((address) => !address.includes(':'));
    v6 = all.filter((address) => address.includes(':'));
  });
  afterAll(() => cleanup[Symbol.asyncDispose]());

  const bridgeOf = ({ id }: Gateway) => `jgc${id}`;
  const open = (probed: Probed[]) => probed.filter(({ result }) => result === 'open');

  it('its own gateway answers, and another does not', async () => {
    const targets = [tcp(gateway.proxy.host, gateway.proxy.port), tcp(other.proxy.host, other.proxy.port)];
    expect(open(await probe(job, targets)).map(({ host }) => host)).toEqual([gateway.proxy.host]);
  });

  it('no address of the host answers, by TCP or UDP', async () => {
    expect(v4).toContain(control.gateway);
    const hosts = [...new Set([...v4, gateway.network.gateway, other.network.gateway])];
    const targets = hosts.flatMap((host) => [
      tcp(host, tcp4),
      udp(host, udp4),
      tcp(host, 22),
      tcp(host, 2375),
    ]);
    expect(open(await probe(job, targets))).toEqual([]);
    const controls = [tcp(control.gateway, tcp4), udp(control.gateway, udp4)];
    expect(open(await probe(controlJob, controls))).toHaveLength(2);
  });

  it("nor any of its IPv6 addresses, the link-local one of the job's own bridge included", async (context) => {
    if (!hasIpv6()) leaveOut(context, 'the kernel has no IPv6');
    // As the engine leaves the bridge where jobgate has no privilege on the host.
    writeFileSync(`/proc/sys/net/ipv6/conf/${bridgeOf(gateway)}/disable_ipv6`, '0');
    try {
      const own = await linkLocal(bridgeOf(gateway));
      const hosts = [...v6, own].flatMap((address) => [address, `${address}%eth0`]);
      const targets = hosts.flatMap((host) => [tcp(host, tcp6), udp(host, udp6)]);
      expect(open(await probe(job, targets))).toEqual([]);
      const plain = await startPlain(cleanup, '--network', gateway.network.name, JOB_IMAGE, 'sleep', '60');
      // From outside: engines differ in what they let a container set.
      const pid = await docker('inspect', '-f', '{{.State.Pid}}', plain);
      const on = 'for i in all eth0; do echo 0 >/proc/sys/net/ipv6/conf/$i/disable_ipv6; done';
      expect((await run('nsenter', ['-t', pid, '-n', 'sh', '-c', on])).code).toBe(0);
      await docker('exec', plain, 'node', '-e', 'setTimeout(() => {}, 2500)'); // duplicate address detection
      expect(open(await probe(plain, [tcp(`${own}%eth0`, tcp6)]))).toHaveLength(1);
    } finally {
      writeFileSync(`/proc/sys/net/ipv6/conf/${bridgeOf(gateway)}/disable_ipv6`, '1');
    }
  });

  it('hand-made frames cannot be sent; and where they can, they reach nothing of a host that this process can harden', async (context) => {
    if (!(await canSendFrames(JOB_IMAGE))) leaveOut(context, 'the job image has no python3');
    const raw = 'import socket; socket.socket(socket.AF_PACKET, socket.SOCK_RAW)';
    await expect(docker('exec', job, 'python3', '-c', raw)).rejects.toThrow(/not permitted/);

    // With NET_RAW, which jobs don't have.
    const args = [JOB_IMAGE, 'sleep', '120'];
    const plain = await startPlain(cleanup, '--network', gateway.network.name, ...args);
    const controlPlain = await startPlain(cleanup, '--network', control.name, ...args);
    const got = new Set<string>();
    datagrams.on('message', (message) => got.add(String(message)));
    const address = v4.find((one) => one !== control.gateway && !one.startsWith('10.213.')) ?? '';
    const [bridge, open] = [macOf(bridgeOf(gateway)), macOf(control.bridge)];
    expect(await sendIpv4Frames(controlPlain, open, control.gateway, udp4, 'control')).toBe(true);
    expect(await sendIpv4Frames(plain, bridge, address, udp4, 'hand-made')).toBe(false);
    expect([...got]).toContain('control');
    expect([...got]).not.toContain('hand-made');
    if (!hasIpv6()) return;
    expect(await sendIpv6Frames(controlPlain, open, tcp6)).toContain('syn-ack');
    expect(await sendIpv6Frames(plain, bridge, tcp6)).toEqual([]);
  });

  it("the gateway's container is no way round: it forwards nothing, and serves its job alone", async () => {
    const ids = await docker(
      'ps',
      '-q',
      '--filter',
      `network=${gateway.network.name}`,
      '--filter',
      `ancestor=${IMAGE}`,
    );
    const [info] = JSON.parse(await docker('inspect', ids));
    const outside: string = info.NetworkSettings.Networks.bridge.IPAddress;
    expect(outside).toMatch(/^\d/);
    const { host, port } = gateway.proxy;
    const listener = "require('net').createServer((s) => s.end('hello')).listen(8080)";
    const neighbour = await startPlain(cleanup, JOB_IMAGE, 'node', '-e', listener);
    const at = await docker('inspect', '-f', '{{.NetworkSettings.IPAddress}}', neighbour);
    expect(open(await probe(neighbour, [tcp(outside, port)]))).toEqual([]);

    // A container with routes that a job can't make.
    const routed = (network: string, via: string, ...more: string[]) => {
      const script = `ip route replace default via ${via} && exec node -e 'setInterval(() => {}, 1e6)'`;
      const admin = ['--user', '0', '--cap-add', 'NET_ADMIN', '--entrypoint', 'sh'];
      return startPlain(cleanup, '--network', network, ...more, ...admin, IMAGE, '-c', script);
    };
    // The others there have all addresses that the engine gives.
    const inside = await routed(gateway.network.name, host, '--ip', addressAfter(host));
    const targets = [
      tcp(at, 8080),
      tcp(outside, port),
      ...v4.flatMap((one) => [tcp(one, tcp4), udp(one, udp4)]),
    ];
    expect(open(await probe(inside, [tcp(host, port), ...targets])).map((target) => target.host)).toEqual([
      host,
    ]);
    const ordinary = await startPlain(cleanup, JOB_IMAGE, 'sleep', '60');
    expect(open(await probe(ordinary, targets)).length).toBeGreaterThan(1);

    const beside = await routed('bridge', outside);
    const ask = `require('http').get({ host: '${host}', port: ${port}, path: 'http://allowed.test/', timeout: 2000 },
      (res) => { console.log(res.statusCode, res.headers['x-jobgate-deny']); process.exit(); })
      .on('error', (error) => console.log(error.code)).on('timeout', () => { console.log('timeout'); process.exit(); })`;
    expect(await docker('exec', beside, 'node', '-e', ask)).toMatch(
      /^(403 client-not-allowed|timeout|E\w+)$/,
    );
  });
});

async function linkLocal(bridge: string): Promise<string> {
  for (let i = 0; ; i++) {
    const line = readFileSync('/proc/net/if_inet6', 'utf8')
      .split('\n')
      .find((text) => text.startsWith('fe80') && text.trim().endsWith(` ${bridge}`));
    if (line) return (line.slice(0, 32).match(/.{4}/g) ?? []).join(':');
    if (i > 50) throw new Error(`${bridge} has no link-local address`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
