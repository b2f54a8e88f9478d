import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Iptables } from '../../docker/host/firewall.js';
import { Lockdown } from '../../docker/host/lockdown.js';
import { Cleanup } from '../support/cleanup.js';
import { describeE2e } from '../support/e2e.js';
import { projectRoot } from '../support/engine.js';
import { createNamespace, type Namespace } from '../support/namespace.js';

/** Rules as a host has them: of Docker, of fail2ban, of an operator; in each hook that the lock-down uses. */
const FOREIGN = `*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
:DOCKER-USER - [0:0]
:f2b-sshd - [0:0]
-A INPUT -p tcp -m multiport --dports 22 -j f2b-sshd
-A INPUT -i lo -m comment --comment "two words, \\"quoted\\"" -j ACCEPT
-A INPUT -i jg-other -p udp -m udp --dport 53 -j ACCEPT
-A INPUT -i jg-+ -j ACCEPT
-A FORWARD -j DOCKER-USER
-A FORWARD -i docker0 ! -o docker0 -j ACCEPT
-A FORWARD -i eth0 -j ACCEPT
-A DOCKER-USER -s 203.0.113.0/24 -j DROP
-A DOCKER-USER -j RETURN
-A f2b-sshd -s 198.51.100.7/32 -j REJECT --reject-with icmp-port-unreachable
-A f2b-sshd -j RETURN
COMMIT
*nat
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
:DOCKER - [0:0]
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
COMMIT
`;

const FOREIGN_6 = `*filter
:INPUT ACCEPT [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
-A INPUT -p ipv6-icmp -j ACCEPT
COMMIT
`;

/** Policies, chains and rules that are not ours, in order. */
const foreign = (text: string) =>
  text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#') && !line.includes('JOBGATE-'))
    .map((line) => line.replace(/\[\d+:\d+\]/, '[0:0]'));

/** Without the table that was added; empty, iptables has no way to remove it. */
const withoutSecurity = (text: string) =>
  text.replace(/^#.*\n/gm, '').replace(/\*security\n(.*\n)*?COMMIT\n/, '');

describeE2e('in a firewall with rules of others', () => {
  const cleanup = new Cleanup();
  let host: Namespace;
  let iptables: Iptables;

  // A network namespace of its own has a firewall of its own.
  beforeAll(async () => {
    host = cleanup.use(await createNamespace());
    iptables = host.iptables;
    await iptables.restore(4, FOREIGN);
    await iptables.restore(6, FOREIGN_6);
  });
  afterAll(() => cleanup[Symbol.asyncDispose]());

  const lockdown = () => new Lockdown({ firewall: iptables, bridges: () => [] });

  it('changes none of them, nor their order, and leaves as it came', async () => {
    const before = { 4: foreign(await iptables.save(4)), 6: foreign(await iptables.save(6)) };
    expect(before[4]).toEqual(expect.arrayContaining(FOREIGN.trimEnd().split('\n')));
    const one = lockdown();
    expect(await one.ensure()).toBe(true);
    expect(await one.verify()).toEqual([]);
    expect(foreign(withoutSecurity(await iptables.save(4)))).toEqual(before[4]);
    expect(foreign(withoutSecurity(await iptables.save(6)))).toEqual(before[6]);
    await one.remove();
    for (const family of [4, 6] as const) {
      const after = await iptables.save(family);
      expect(after).not.toMatch(/JOBGATE-/);
      expect(foreign(withoutSecurity(after))).toEqual(before[family]);
    }
  });

  it('comes before rules that are inserted later', async () => {
    const one = lockdown();
    await one.ensure();
    await iptables.restore(4, '*filter\n-I INPUT 1 -i jg-+ -j ACCEPT\nCOMMIT\n');
    expect(await one.verify()).toEqual(['iptables filter INPUT does not begin with the jump to ours']);
    expect(await one.ensure()).toBe(true);
    expect(await one.verify()).toEqual([]);
    await iptables.restore(4, '*filter\n-D INPUT -i jg-+ -j ACCEPT\nCOMMIT\n');
  });

  it('comes back after `iptables -F`, which others do', async () => {
    const one = lockdown();
    await one.ensure();
    await host.run('iptables', '-F');
    await host.run('iptables', '-t', 'nat', '-F');
    // What the table behind filter is for.
    expect(await iptables.save(4)).toContain('-A JOBGATE-INPUT -j DROP');
    expect(await one.ensure()).toBe(true);
    expect(await one.verify()).toEqual([]);
  });

  it('is installed once by many processes at the same time', async () => {
    await lockdown().remove();
    const script = `import { Lockdown } from ${JSON.stringify(`${projectRoot}docker/host/lockdown.ts`)};
      const one = new Lockdown({ bridges: () => [] });
      await one.ensure();
      await one.ensure({ exclusive: true });
      console.log(JSON.stringify(await one.verify()));`;
    const args = ['--import', 'tsx', '--input-type=module', '-e', script];
    const all = await Promise.all(Array.from({ length: 8 }, () => host.run(process.execPath, ...args)));
    expect(all.map(({ stdout, stderr }) => stdout.trim() || stderr)).toEqual(all.map(() => '[]'));
    const rules = await iptables.save(4);
    expect(rules.match(/^-A INPUT -i jg-\+ -j JOBGATE-INPUT$/gm)).toHaveLength(2); // filter, security
    expect(rules.match(/^-A FORWARD .*JOBGATE-FORWARD$/gm)).toHaveLength(4);
  });
});
