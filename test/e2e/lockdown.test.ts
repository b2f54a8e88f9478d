import { readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createIsolatedNetwork, type IsolatedNetwork, removeNetwork } from '../../docker/gateway/network.js';
import { type Owner, openOwner } from '../../docker/gateway/owner.js';
import { SubnetPool } from '../../docker/gateway/subnet-pool.js';
import { hardenBridge } from '../../docker/host/bridge.js';
import { Iptables } from '../../docker/host/firewall.js';
import { hasIpv6 } from '../../docker/host/host-net.js';
import { Lockdown } from '../../docker/host/lockdown.js';
import { DEFAULT_GATEWAY_PORT } from '../../docker/host/lockdown-rules.js';
import { machineIpv4Addresses } from '../../proxy/decide/machine-addresses.js';
import { Cleanup } from '../support/cleanup.js';
import { describeE2e, docker, JOB_IMAGE } from '../support/e2e.js';
import { startHostServices } from '../support/host-services.js';
import { type Internet, startInternet } from '../support/internet.js';
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

const PORT = DEFAULT_GATEWAY_PORT;
const AT_ONCE_MS = 500;

describeE2e('a job behind the lock-down', () => {
  const cleanup = new Cleanup();
  const lockdown = new Lockdown({ port: PORT });
  let engine: Engine;
  let owner: Owner;
  /** The job's network, another job's, and one without the lock-down. */
  let network: IsolatedNetwork;
  let other: IsolatedNetwork;
  let control: ControlNetwork;
  /** Containers on them: hardened as jobs are, and one with Docker's defaults on the ordinary bridge. */
  let job: string;
  let controlJob: string;
  let plain: string;
  let addresses: string[];
  let hostPort: number;
  let hostPort6: number;
  let udpPort: number;
  let publishedPort: number;
  let internet: Internet;

  async function isolated(): Promise<IsolatedNetwork> {
    const made = await createIsolatedNetwork(engine.docker, new SubnetPool(), {
      owner: owner.ref,
      kind: 'run',
      job: 'lockdown-test',
      allow: [],
      rate: null,
      port: PORT,
      created: new Date(),
    });
    cleanup.add(() => removeNetwork(engine.docker, made));
    hardenBridge(made.bridge, true);
    return made;
  }

  beforeAll(async () => {
    engine = await openEngine();
    owner = cleanup.use(await openOwner('run'));
    internet = cleanup.use(
      await startInternet({ hosts: { 'origin.test': { services: { 80: 'http', 53: 'udp' } } } }),
    );
    network = await isolated();
    other = await isolated();
    control = await startControlNetwork(cleanup);
    await lockdown.ensure({ exclusive: true });

    ({
      tcp: hostPort,
      tcp6: hostPort6,
      udp: udpPort,
      published: publishedPort,
    } = await startHostServices(cleanup));

    job = await startIsolated(engine, network.name, owner, cleanup);
    controlJob = await startIsolated(engine, control.name, owner, cleanup);
    plain = await startPlain(cleanup, JOB_IMAGE, 'sleep', '600');
    addresses = machineIpv4Addresses();
  });

  afterAll(() => cleanup[Symbol.asyncDispose]());

  /** Refused, each, at once; or without a route, which engines from 26 on don't give. */
  function expectRefused(probed: Probed[]): void {
    const refused = ['ECONNREFUSED', 'ENETUNREACH'];
    expect(probed.filter(({ result, ms }) => !refused.includes(result) || ms > AT_ONCE_MS)).toEqual([]);
    expect(probed.length).toBeGreaterThan(0);
  }

  const results = (probed: Probed[]) => [...new Set(probed.map(({ result }) => result))];

  it('reaches the gateway port of its own bridge', async () => {
    await using own = new Cleanup();
    await listen(own, network.gateway, PORT);
    expect(results(await probe(job, [tcp(network.gateway, PORT)]))).toEqual(['open']);
  });

  it('reaches no service of the host, by any address, and is told so at once', async () => {
    expect(addresses).toEqual(expect.arrayContaining([network.gateway, other.gateway, control.gateway]));
    const targets = addresses.map((address) => tcp(address, hostPort));
    expectRefused(await probe(job, targets));
    // The same without the rules: isolation alone is not enough.
    expect(results(await probe(controlJob, [tcp(control.gateway, hostPort)]))).toEqual(['open']);
    expect(results(await probe(plain, targets))).toContain('open');
  });

  it("reaches no port that another container publishes, by any of the host's addresses", async () => {
    const targets = addresses.map((address) => tcp(address, publishedPort));
    expectRefused(await probe(job, targets));
    expect(results(await probe(plain, targets))).toContain('open');
  });

  it("does not reach another job's gateway", async () => {
    await using own = new Cleanup();
    await listen(own, other.gateway, PORT);
    const neighbour = await startIsolated(engine, other.name, owner, own);
    expect(results(await probe(neighbour, [tcp(other.gateway, PORT)]))).toEqual(['open']);
    expectRefused(await probe(job, [tcp(other.gateway, PORT)]));
  });

  it("does not reach the gateway port of the host's other addresses", async () => {
    await using own = new Cleanup();
    await listen(own, control.gateway, PORT);
    expect(results(await probe(controlJob, [tcp(control.gateway, PORT)]))).toEqual(['open']);
    expectRefused(await probe(job, [tcp(control.gateway, PORT)]));
  });

  it('does not reach a program that listens on the gateway port of all addresses', async () => {
    await using own = new Cleanup();
    await listen(own, '0.0.0.0', PORT);
    expect(results(await probe(controlJob, [tcp(control.gateway, PORT)]))).toEqual(['open']);
    expectRefused(await probe(job, [tcp(network.gateway, PORT)]));
  });

  it('gets no answer to UDP from the host', async () => {
    const probed = await probe(job, [udp(network.gateway, udpPort), udp(network.gateway, PORT)]);
    expect(results(probed)).not.toContain('open');
    expect(results(await probe(controlJob, [udp(control.gateway, udpPort)]))).toEqual(['open']);
  });

  it('reaches nothing outside, by TCP or UDP', async () => {
    const address = internet.addresses['origin.test'] ?? '';
    internet.forget();
    const targets = [tcp(address, 80), udp(address, 53)];
    expect(results(await probe(job, targets))).not.toContain('open');
    expect(await internet.seen()).toEqual([]);
    await probe(plain, targets);
    expect((await internet.seen()).map(({ kind }) => kind).sort()).toEqual(['connection', 'datagram']);
  });

  it('looks up no name, and fails fast at it', async () => {
    const look = `const start = Date.now(); require('dns').lookup('origin.test', (error) =>
      console.log(JSON.stringify([error && error.code, Date.now() - start])))`;
    const times: number[] = [];
    for (let i = 0; i < 3; i++) {
      const [code, ms] = JSON.parse(await docker('exec', job, 'node', '-e', look));
      expect(code).toMatch(/^(EAI_AGAIN|ENOTFOUND)$/);
      times.push(ms);
    }
    // A resolver that is waited for takes ten seconds each time.
    expect(Math.min(...times)).toBeLessThan(5_000);
    const [embedded] = await probe(job, [udp('127.0.0.11', 53)]);
    expect(embedded?.result).not.toBe('open');
  });

  it('gets no answer to a ping of the bridge', async (context) => {
    if (!(await canSendFrames(JOB_IMAGE))) leaveOut(context, 'the job image has no python3');
    const ping = (container: string, address: string) =>
      docker('exec', container, 'python3', '-c', PING, address);
    expect(await ping(controlJob, control.gateway)).toBe('answered');
    expect(await ping(job, network.gateway)).toBe('silent');
  });

  it('does not reach the host by hand-made IPv6 frames', async (context) => {
    if (!hasIpv6()) leaveOut(context, 'the kernel has no IPv6');
    if (!(await canSendFrames(JOB_IMAGE))) leaveOut(context, 'the job image has no python3');
    await using own = new Cleanup();
    // With NET_RAW, which jobs don't have.
    const [withRules, without] = [
      await startPlain(own, '--network', other.name, JOB_IMAGE, 'sleep', '60'),
      await startPlain(own, '--network', control.name, JOB_IMAGE, 'sleep', '60'),
    ];
    expect(await sendIpv6Frames(without, macOf(control.bridge), hostPort6)).toContain('syn-ack');
    expect(await sendIpv6Frames(withRules, macOf(other.bridge), hostPort6)).toEqual([]);
    expect(readFileSync(`/proc/sys/net/ipv6/conf/${other.bridge}/disable_ipv6`, 'utf8').trim()).toBe('1');
  });

  it('reaches no IPv6 address of the host', async () => {
    const own = Object.values(networkInterfaces()).flat();
    const hosts = own.filter((a) => a?.family === 'IPv6' && !a.internal).map((a) => a?.address ?? '');
    const probed = await probe(job, [tcp('::1', hostPort6), ...hosts.map((host) => tcp(host, hostPort6))]);
    expect(results(probed)).not.toContain('open');
    expect(results(probed)).not.toContain('timeout');
  });

  it('is held while the rules are flushed, and refused at once again when they are mended', async () => {
    const watching = new Lockdown({ port: PORT });
    using _ = watching.watch((error) => {
      throw error;
    });
    const stop = new AbortController();
    const during: Probed[] = [];
    const probing = (async () => {
      while (!stop.signal.aborted) {
        during.push(...(await probe(job, [tcp(network.gateway, hostPort)], 300)));
      }
    })();
    // What `iptables -F` does to ours. All of it would take the engine's rules as well.
    const iptables = new Iptables();
    for (const family of [4, 6] as const) {
      const hooks = ['INPUT', 'FORWARD', 'DOCKER-USER', 'JOBGATE-INPUT', 'JOBGATE-FORWARD'];
      const lines = (await iptables.save(family))
        .split('*filter\n')[1]
        ?.split('\nCOMMIT')[0]
        ?.split('\n')
        .filter(
          (line) => hooks.some((hook) => line.startsWith(`-A ${hook} `)) && /JOBGATE-|^-A JOB/.test(line),
        )
        .map((line) => line.replace('-A', '-D'));
      await iptables.restore(family, `*filter\n${lines?.join('\n')}\nCOMMIT\n`);
    }
    // Between the two families the watch may have had its turn: two repairs then.
    await expect.poll(() => watching.figures().repairs).toBeGreaterThan(0);
    await expect.poll(() => lockdown.verify()).toEqual([]);
    stop.abort();
    await probing;
    expect(during.length).toBeGreaterThan(0);
    expect(results(during)).not.toContain('open');
    expectRefused(await probe(job, [tcp(network.gateway, hostPort)]));
  });
});

const PING = `
import os, socket, struct, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP)
s.settimeout(1)
packet = struct.pack('!BBHHH', 8, 0, 0, 1, 1)
try:
    s.sendto(packet, (sys.argv[1], 0))
    print('answered' if s.recv(64)[0] == 0 else 'refused')
except OSError:
    print('silent')
`;
