import { afterAll, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { Lockdown } from '../../docker/host/lockdown.js';
import { Cleanup } from '../support/cleanup.js';
import { describeE2e } from '../support/e2e.js';
import { connectNamespaces, createNamespace, type Namespace } from '../support/namespace.js';
import { type Probed, probeFrom, tcp } from '../support/probe.js';

const PORT = 13128;
const PUBLISHED = 8080;

/**
 * The rules by themselves, on a host without an engine whose other rules would hide what ours don't do: a job on a
 * bridge, a host that forwards all, and something outside.
 */
describeE2e('the rules of the lock-down', () => {
  const cleanup = new Cleanup();
  let host: Namespace;
  let job: Namespace;
  let outside: Namespace;
  let lockdown: Lockdown;

  beforeAll(async () => {
    host = cleanup.use(await createNamespace());
    job = cleanup.use(await createNamespace());
    outside = cleanup.use(await createNamespace());
    await host.run('ip', 'link', 'add', 'jg-test', 'type', 'bridge');
    await host.run('ip', 'addr', 'add', '192.0.2.1/24', 'dev', 'jg-test');
    await host.run('ip', 'addr', 'add', '2001:db8:1::1/64', 'dev', 'jg-test');
    await connectNamespaces(
      { ns: host, name: 'veth-job' },
      { ns: job, name: 'eth0', addresses: ['192.0.2.2/24', '2001:db8:1::2/64'] },
    );
    await host.run('ip', 'link', 'set', 'veth-job', 'master', 'jg-test');
    await host.run('ip', 'link', 'set', 'jg-test', 'up');
    await connectNamespaces(
      { ns: host, name: 'eth0', addresses: ['198.51.100.1/24', '2001:db8:2::1/64'] },
      { ns: outside, name: 'eth0', addresses: ['198.51.100.2/24', '2001:db8:2::2/64'] },
    );
    for (const [ns, n, m] of [
      [job, 1, 2],
      [outside, 2, 1],
    ] as const) {
      const via4 = n === 1 ? '192.0.2.1' : '198.51.100.1';
      await ns.run('ip', 'route', 'add', 'default', 'via', via4);
      await ns.run('ip', 'route', 'add', `2001:db8:${m}::/64`, 'via', `2001:db8:${n}::1`);
    }
    await host.run(
      'sh',
      '-c',
      'echo 1 >/proc/sys/net/ipv4/ip_forward; echo 1 >/proc/sys/net/ipv6/conf/all/forwarding',
    );
    await host.serve(PORT, 'gateway', '192.0.2.1');
    await host.serve(22, 'host');
    await job.serve(22, 'job');
    await outside.serve(80, 'outside');
    lockdown = new Lockdown({ port: PORT, firewall: host.iptables, bridges: () => [] });
    // Neighbours find each other in a second or two.
    const targets: [string, number][] = [
      ['2001:db8:1::1', 22],
      ['2001:db8:2::2', 80],
    ];
    await vi.waitFor(async () => expect(await fromJob(...targets)).toEqual(['host', 'outside']));
  });
  afterAll(() => cleanup[Symbol.asyncDispose]());

  beforeEach(async () => {
    await lockdown.remove();
    for (const table of ['filter', 'nat']) await host.run('iptables', '-t', table, '-F');
  });

  const short = (probed: Probed[]) => probed.map(({ said, result }) => said ?? result);
  const fromJob = async (...targets: [string, number][]) =>
    short(
      await probeFrom(
        job.prefix,
        targets.map((target) => tcp(...target)),
        800,
      ),
    );
  const fromOutside = async (...targets: [string, number][]) =>
    short(
      await probeFrom(
        outside.prefix,
        targets.map((target) => tcp(...target)),
        800,
      ),
    );

  it('let a job reach the gateway port of its bridge, and no other port', async () => {
    expect(await fromJob(['192.0.2.1', PORT], ['192.0.2.1', 22])).toEqual(['gateway', 'host']);
    await lockdown.ensure();
    expect(await fromJob(['192.0.2.1', PORT], ['192.0.2.1', 22])).toEqual(['gateway', 'ECONNREFUSED']);
  });

  it('let it reach no other address of the host, nor any on IPv6', async () => {
    const targets: [string, number][] = [
      ['198.51.100.1', 22],
      ['2001:db8:1::1', 22],
      ['2001:db8:2::1', 22],
    ];
    expect(await fromJob(...targets)).toEqual(['host', 'host', 'host']);
    await lockdown.ensure();
    expect(await fromJob(...targets)).toEqual(['ECONNREFUSED', 'ECONNREFUSED', 'ECONNREFUSED']);
  });

  it('forward nothing from it', async () => {
    const targets: [string, number][] = [
      ['198.51.100.2', 80],
      ['2001:db8:2::2', 80],
    ];
    expect(await fromJob(...targets)).toEqual(['outside', 'outside']);
    await lockdown.ensure();
    expect(await fromJob(...targets)).toEqual(['ECONNREFUSED', 'ECONNREFUSED']);
  });

  it('forward nothing to it', async () => {
    const targets: [string, number][] = [
      ['192.0.2.2', 22],
      ['2001:db8:1::2', 22],
    ];
    expect(await fromOutside(...targets)).toEqual(['job', 'job']);
    await lockdown.ensure();
    expect(await fromOutside(...targets)).toEqual(['ECONNREFUSED', 'ECONNREFUSED']);
  });

  it('keep it from ports that are rewritten to another address, the gateway port included', async () => {
    for (const port of [PUBLISHED, PORT]) {
      const match = ['-m', 'addrtype', '--dst-type', 'LOCAL', '-p', 'tcp', '--dport', String(port)];
      await host.run(
        'iptables',
        '-t',
        'nat',
        '-A',
        'PREROUTING',
        ...match,
        '-j',
        'DNAT',
        '--to',
        '198.51.100.2:80',
      );
    }
    const targets: [string, number][] = [
      ['192.0.2.1', PUBLISHED],
      ['192.0.2.1', PORT],
    ];
    expect(await fromJob(...targets)).toEqual(['outside', 'outside']);
    await lockdown.ensure();
    expect(await fromJob(...targets)).toEqual(['ECONNREFUSED', 'gateway']);
  });

  it('hold after `iptables -F`, until they are mended', async () => {
    const targets: [string, number][] = [
      ['192.0.2.1', PORT],
      ['192.0.2.1', 22],
      ['198.51.100.1', 22],
      ['2001:db8:1::1', 22],
      ['198.51.100.2', 80],
      ['2001:db8:2::2', 80],
    ];
    await lockdown.ensure();
    await host.run('iptables', '-F');
    await host.run('iptables', '-t', 'nat', '-F');
    await host.run('ip6tables', '-F');
    expect(await fromJob(...targets)).toEqual(['gateway', ...Array(5).fill('timeout')]);
    await lockdown.ensure();
    expect(await fromJob(...targets)).toEqual(['gateway', ...Array(5).fill('ECONNREFUSED')]);
  });

  it('come before what others let through', async () => {
    await lockdown.ensure();
    await host.run('iptables', '-I', 'INPUT', '-j', 'ACCEPT');
    expect(await fromJob(['192.0.2.1', 22])).not.toEqual(['host']);
    expect(await lockdown.ensure()).toBe(true);
    expect(await fromJob(['192.0.2.1', 22])).toEqual(['ECONNREFUSED']);
  });

  it('need CAP_NET_ADMIN and no more', async () => {
    const nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
    const without = new Lockdown({ firewall: await host.iptablesVia(...nobody), bridges: () => [] });
    await expect(without.ensure()).rejects.toThrow(/run as root, or with CAP_NET_ADMIN/);
    const caps = ['--inh-caps=+net_admin', '--ambient-caps=+net_admin'];
    const firewall = await host.iptablesVia(...nobody, ...caps);
    const withIt = new Lockdown({ port: PORT, firewall, bridges: () => [] });
    // Of a legacy iptables that user would have to name a lock file of its own.
    expect(await withIt.ensure()).toBe(true);
    expect(await lockdown.verify()).toEqual([]);
  });
});
