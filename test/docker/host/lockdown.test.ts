import { beforeEach, describe, expect, it } from 'vitest';
import { FirewallError } from '../../../docker/host/firewall.js';
import { Lockdown, type LockdownOptions } from '../../../docker/host/lockdown.js';
import { HOST_RULES, MemoryFirewall } from '../../support/memory-firewall.js';

const foreign = (dump: string) =>
  dump.split('\n').filter((line) => /^-A /.test(line) && !line.includes('JOBGATE-'));

let firewall: MemoryFirewall;
let bridges: string[];

function lockdown(options: LockdownOptions = {}): Lockdown {
  return new Lockdown({ firewall, bridges: () => bridges, ipv6: () => true, ...options });
}

beforeEach(() => {
  firewall = new MemoryFirewall(HOST_RULES);
  bridges = [];
});

const flush = () => {
  for (const chains of firewall.tables[4].values()) for (const chain of chains.values()) chain.splice(0);
};

const rules = (table: string, chain: string, family: 4 | 6 = 4) =>
  firewall.tables[family].get(table)?.get(chain);

/** Containers that share a network reach each other, and no other bridge. */
const AMONG = '-i jg-s+ -o jg-s+ -m physdev --physdev-is-bridged -j ACCEPT';

describe('installing', () => {
  it('puts jumps at the head of INPUT, FORWARD, DOCKER-USER and PREROUTING', async () => {
    expect(await lockdown().ensure()).toBe(true);
    const both = ['-i jg-+ -j JOBGATE-FORWARD', '-o jg-+ -j JOBGATE-FORWARD'];
    expect(rules('filter', 'INPUT')?.[0]).toBe('-i jg-+ -j JOBGATE-INPUT');
    expect(rules('filter', 'FORWARD')?.slice(0, 2)).toEqual(both);
    expect(rules('filter', 'DOCKER-USER')?.slice(0, 2)).toEqual(both);
    expect(rules('nat', 'PREROUTING')?.[0]).toBe('-i jg-+ -j JOBGATE-PREROUTING');
  });

  it('lets through TCP to the gateway port on an address of that interface, to what listens there, and nothing else', async () => {
    await lockdown({ port: 4711 }).ensure();
    expect(rules('filter', 'JOBGATE-INPUT')).toEqual([
      '-p tcp -m tcp --dport 4711 -m addrtype --dst-type LOCAL --limit-iface-in -m socket -j ACCEPT',
      '-p tcp -m tcp --dport 4713:4731 -m addrtype --dst-type LOCAL --limit-iface-in -m conntrack --ctstate DNAT -m socket -j ACCEPT',
      '-p udp -m udp --dport 4713 -m addrtype --dst-type LOCAL --limit-iface-in -m conntrack --ctstate DNAT -m socket -j ACCEPT',
      '-p tcp -j REJECT --reject-with tcp-reset',
      '-j REJECT --reject-with icmp-admin-prohibited',
    ]);
    expect(rules('filter', 'JOBGATE-FORWARD')).toEqual([
      AMONG,
      '-p tcp -j REJECT --reject-with tcp-reset',
      '-j REJECT --reject-with icmp-admin-prohibited',
    ]);
  });

  it('lets nothing through on IPv6', async () => {
    await lockdown().ensure();
    expect(rules('filter', 'JOBGATE-INPUT', 6)).toEqual([
      '-p tcp -j REJECT --reject-with tcp-reset',
      '-j REJECT --reject-with icmp6-adm-prohibited',
    ]);
    expect(rules('filter', 'JOBGATE-FORWARD', 6)).toEqual([
      '-p tcp -j REJECT --reject-with tcp-reset',
      '-j REJECT --reject-with icmp6-adm-prohibited',
    ]);
    expect(rules('security', 'JOBGATE-INPUT', 6)).toEqual(['-j DROP']);
    expect(rules('security', 'JOBGATE-FORWARD', 6)).toEqual(['-j DROP']);
  });

  it('leaves IPv6 alone where the kernel has none', async () => {
    await lockdown({ ipv6: () => false }).ensure();
    expect(firewall.dump(6)).toBe('\n');
  });

  it('drops in the table behind filter what filter refuses', async () => {
    await lockdown().ensure();
    expect(rules('security', 'INPUT')).toEqual(['-i jg-+ -j JOBGATE-INPUT']);
    expect(rules('security', 'JOBGATE-INPUT')?.at(-1)).toBe('-j DROP');
    expect(rules('security', 'JOBGATE-FORWARD')).toEqual([AMONG, '-j DROP']);
  });

  it('does nothing the second time', async () => {
    await lockdown().ensure();
    const before = firewall.dump(4);
    firewall.applied.length = 0;
    expect(await lockdown().ensure()).toBe(false);
    expect(firewall.applied).toEqual([]);
    expect(firewall.dump(4)).toBe(before);
  });

  it('keeps the rules of others, in their order', async () => {
    await lockdown().ensure();
    expect(foreign(firewall.dump(4))).toEqual(foreign(HOST_RULES));
  });

  it('shares the work between callers in one process', async () => {
    const one = lockdown();
    await Promise.all([one.ensure(), one.ensure(), one.ensure()]);
    expect(firewall.applied).toHaveLength(5); // filter, nat, security; filter, security
    expect(one.figures().checks).toBe(2); // the second and third came after the first had begun
  });

  it('tries again when the firewall is busy, and not when it may not', async () => {
    let left = 2;
    firewall.failing = () => (left-- > 0 ? new FirewallError('busy', 'busy') : undefined);
    expect(await lockdown().ensure()).toBe(true);

    firewall = new MemoryFirewall(HOST_RULES);
    firewall.failing = () => new FirewallError('privilege', 'run as root');
    await expect(lockdown().ensure()).rejects.toThrow('run as root');
    expect(firewall.saves).toBe(2); // once for each family
  });

  it.each([{ lacks: ['-m physdev'] }, { lacks: ['-m socket'] }, { lacks: ['-m physdev', '-m socket'] }])(
    'does without $lacks where the kernel lacks it, and with all else',
    async ({ lacks }) => {
      firewall.failing = (_, input) =>
        lacks.some((match) => input?.includes(match))
          ? new FirewallError('failed', 'no such match')
          : undefined;
      const one = lockdown();
      expect(await one.ensure()).toBe(true);
      const dump = firewall.dump(4);
      for (const match of ['-m physdev', '-m socket'])
        expect(dump.includes(match), match).toBe(!lacks.includes(match));
      expect(one.hasSecondLine && one.redirects).toBe(true);
      expect(await one.verify()).toEqual([]);
    },
  );

  it('fails with what the firewall said where less does not help', async () => {
    firewall.failing = (_, input) =>
      input?.startsWith('*filter') ? new FirewallError('failed', 'no such table') : undefined;
    await expect(lockdown().ensure()).rejects.toThrow('no such table');
    firewall.failing = () => undefined;
    expect(await lockdown().ensure()).toBe(true);
  });

  it.each(['*filter', '*nat', '*security'])(
    'does without nothing where %s fails twice only',
    async (table) => {
      let left = 2;
      firewall.failing = (_, input, family) =>
        family === 4 && input?.startsWith(table) && left-- > 0
          ? new FirewallError('failed', 'changed meanwhile')
          : undefined;
      const one = lockdown();
      expect(await one.ensure()).toBe(true);
      expect(left).toBeLessThan(0);
      expect(one.hasSecondLine && one.redirects).toBe(true);
      expect(await lockdown().verify()).toEqual([]);
    },
  );

  it('leaves IPv4 whole where the rules of IPv6 fail', async () => {
    let left = 3;
    firewall.failing = (_, input, family) =>
      family === 6 && input?.startsWith('*filter') && left-- > 0
        ? new FirewallError('failed', 'changed meanwhile')
        : undefined;
    expect(await lockdown().ensure()).toBe(true);
    expect(left).toBeLessThan(0);
    expect(await lockdown().verify()).toEqual([]);
  });

  it('does without the socket match and without the security table where the kernel lacks them', async () => {
    firewall.failing = (_, input) =>
      input?.includes('-m socket') || input?.startsWith('*security')
        ? new FirewallError('failed', 'no such match')
        : undefined;
    const one = lockdown();
    expect(await one.ensure()).toBe(true);
    expect(rules('filter', 'JOBGATE-INPUT')?.[0]).toMatch(/--limit-iface-in -j ACCEPT$/);
    expect(await one.verify()).toEqual([]);
  });
});

describe('programs that know of no proxy', () => {
  const LOCAL = '-m addrtype --dst-type LOCAL --limit-iface-in';
  const PORTS = () => rules('nat', 'JOBGATE-PORTS');
  const rule = (bridge: string, port: number, own: number) =>
    `-i ${bridge} -p tcp -m tcp --dport ${port} -j REDIRECT --to-ports ${own}`;

  it('have the usual ports of their gateway redirected, before all else is exempt', async () => {
    await lockdown().ensure();
    expect(rules('nat', 'JOBGATE-PREROUTING')).toEqual([
      `-p udp -m udp --dport 53 ${LOCAL} -j REDIRECT --to-ports 13130`,
      `-p tcp -m tcp --dport 53 ${LOCAL} -j REDIRECT --to-ports 13130`,
      `-p tcp -m tcp --dport 80 ${LOCAL} -j REDIRECT --to-ports 13131`,
      `-p tcp -m tcp --dport 443 ${LOCAL} -j REDIRECT --to-ports 13132`,
      `${LOCAL} -j JOBGATE-PORTS`,
      '-j ACCEPT',
    ]);
  });

  it('have ports of entries, for as long as their gateway has them; those of others stay', async () => {
    bridges = ['jg-a', 'jg-b'];
    const [one, other] = [lockdown(), lockdown()];
    one.map('jg-a', [[8443, 13_133]]);
    await one.ensure({ exclusive: true });
    other.map('jg-b', [[9443, 13_133]]);
    await other.ensure({ exclusive: true });
    expect(PORTS()).toEqual([rule('jg-a', 8443, 13_133), rule('jg-b', 9443, 13_133)]);
    await one.unmap('jg-a');
    await one.unmap('jg-a');
    expect(PORTS()).toEqual([rule('jg-b', 9443, 13_133)]);
    expect(await other.verify()).toEqual([]);
  });

  it.each(['JOBGATE-PORTS', 'JOBGATE-PREROUTING'])('have them back when %s was flushed', async (chain) => {
    bridges = ['jg-a', 'jg-b'];
    const [one, other] = [lockdown(), lockdown()];
    one.map('jg-a', [[8443, 13_133]]);
    other.map('jg-b', [[9443, 13_133]]);
    await one.ensure();
    await other.ensure();
    rules('nat', chain)?.splice(0);
    expect(await one.verify()).toHaveLength(1);
    await one.ensure();
    await other.ensure();
    expect(new Set(PORTS())).toEqual(new Set([rule('jg-a', 8443, 13_133), rule('jg-b', 9443, 13_133)]));
  });

  it('of processes that were killed leave none, once the next gateway opens', async () => {
    bridges = ['jg-dead', 'jg-b'];
    const dead = lockdown();
    dead.map('jg-dead', [[8443, 13_133]]);
    await dead.ensure();
    bridges = ['jg-b'];
    const next = lockdown();
    next.map('jg-b', [[9443, 13_133]]);
    await next.ensure({ exclusive: true });
    expect(PORTS()).toEqual([rule('jg-b', 9443, 13_133)]);
  });

  it('must use the proxy where the kernel cannot redirect', async () => {
    firewall.failing = (step, input) =>
      step === 'restore' && input?.includes('REDIRECT')
        ? new FirewallError('failed', 'No chain/target/match by that name')
        : undefined;
    const one = lockdown();
    await one.ensure();
    expect(one.redirects).toBe(false);
    expect(rules('nat', 'JOBGATE-PREROUTING')).toEqual(['-j ACCEPT']);
    expect(await one.verify()).toEqual([]);
  });
});

describe('verifying', () => {
  const damages: [string, () => void][] = [
    ['the jump in INPUT is gone', () => rules('filter', 'INPUT')?.shift()],
    ['one of the jumps in FORWARD is gone', () => rules('filter', 'FORWARD')?.shift()],
    ['the jump in DOCKER-USER is gone', () => rules('filter', 'DOCKER-USER')?.shift()],
    ['the jump in nat is gone', () => rules('nat', 'PREROUTING')?.shift()],
    ['a rule came before the jump in INPUT', () => rules('filter', 'INPUT')?.unshift('-j ACCEPT')],
    ['a rule came before the jump in FORWARD', () => rules('filter', 'FORWARD')?.unshift('-j ACCEPT')],
    ['a rule came into our chain', () => rules('filter', 'JOBGATE-INPUT')?.unshift('-j ACCEPT')],
    ['a rule that says nothing came into our chain', () => rules('filter', 'JOBGATE-INPUT')?.unshift('')],
    ['a rule of our chain is gone', () => rules('filter', 'JOBGATE-INPUT')?.pop()],
    ['our chain is empty', () => rules('filter', 'JOBGATE-FORWARD')?.splice(0)],
    ['a jump is doubled', () => rules('filter', 'INPUT')?.push('-i jg-+ -j JOBGATE-INPUT')],
    ['an old jump to our chains is left', () => rules('filter', 'INPUT')?.push('-j JOBGATE-INPUT')],
    ['the table nat is gone', () => firewall.tables[4].delete('nat')],
    ['the second line is gone', () => firewall.tables[4].delete('security')],
    ['the IPv6 rules are flushed', () => rules('filter', 'INPUT', 6)?.splice(0)],
    ['everything is flushed', flush],
  ];
  it('takes a rule with a space at its end, as some versions print it, for what it is', async () => {
    const one = lockdown();
    await one.ensure();
    firewall.save = async (family) => firewall.dump(family).replaceAll(/^-A .*/gm, '$& ');
    expect(await one.verify()).toEqual([]);
  });

  it.each(damages)('sees and mends it when %s', async (_, damage) => {
    const one = lockdown();
    await one.ensure();
    expect(await one.verify()).toEqual([]);
    damage();
    expect(await one.verify()).not.toEqual([]);
    expect(await one.ensure()).toBe(true);
    expect(await one.verify()).toEqual([]);
    expect(firewall.dump(4).match(/-A INPUT .*JOBGATE-INPUT/g)).toHaveLength(2); // filter, security
  });

  it.each([4, 6] as const)('fails where IPv%i cannot be read, though the other stands', async (unread) => {
    const one = lockdown();
    await one.ensure();
    firewall.failing = (what, _, family) =>
      what === 'save' && family === unread ? new FirewallError('privilege', 'run as root') : undefined;
    for (const look of [() => one.verify(), () => one.ensure(), () => one.ensure({ exclusive: true })])
      await expect(look()).rejects.toThrow('run as root');
    firewall.failing = () => undefined;
    expect(await one.verify()).toEqual([]);
    expect(await one.ensure({ exclusive: true })).toBe(false);
  });

  it.each([4, 6] as const)('tells the worse of two reasons: IPv%i is only in want', async (starved) => {
    const starving = new FirewallError('starved', 'spawn EMFILE');
    firewall.failing = (_, __, family) =>
      family === starved ? starving : new FirewallError('privilege', 'run as root');
    await expect(lockdown().verify()).rejects.toThrow('run as root');
    firewall.failing = () => starving;
    await expect(lockdown().verify()).rejects.toThrow('spawn EMFILE');
  });

  it('is content when Docker puts its jump to DOCKER-USER in front, because that begins with ours', async () => {
    const one = lockdown();
    await one.ensure();
    const forward = rules('filter', 'FORWARD') ?? [];
    forward.unshift('-j DOCKER-USER', '-j DOCKER-ISOLATION-STAGE-1');
    expect(await one.verify()).toEqual([]);
    rules('filter', 'DOCKER-USER')?.unshift('-i jg-+ -j ACCEPT');
    expect(await one.verify()).not.toEqual([]);
  });

  it('reads rules as other versions of iptables print them', async () => {
    const one = lockdown();
    await one.ensure();
    const chain = rules('filter', 'JOBGATE-INPUT') ?? [];
    chain[0] = chain[0]?.replace(' -m tcp', '') ?? '';
    expect(await one.verify()).toEqual([]);
  });
});

describe('the gateway port', () => {
  it('is one per host while isolated networks exist', async () => {
    await lockdown({ port: 4711 }).ensure();
    bridges = ['jg-0123456789ab'];
    await expect(lockdown({ port: 4712 }).ensure()).rejects.toThrow(/port 4711.*--gateway-port 4711/);
    expect(await lockdown({ port: 4711 }).ensure()).toBe(false);
  });

  it('changes when there are none', async () => {
    await lockdown({ port: 4711 }).ensure();
    expect(await lockdown({ port: 4712 }).ensure()).toBe(true);
    expect(rules('filter', 'JOBGATE-INPUT')?.[0]).toContain('--dport 4712');
  });
});

describe('removing', () => {
  it('takes away all of ours and nothing else', async () => {
    await lockdown().ensure();
    await lockdown().remove();
    for (const family of [4, 6] as const) expect(firewall.dump(family)).not.toContain('JOBGATE-');
    expect(foreign(firewall.dump(4))).toEqual(foreign(HOST_RULES));
    await lockdown().remove();
  });

  it('refuses while isolated networks exist, unless forced', async () => {
    await lockdown().ensure();
    bridges = ['jg-0123456789ab'];
    await expect(lockdown().remove()).rejects.toThrow(/jg-0123456789ab.*end their jobs/);
    expect(await lockdown().verify()).toEqual([]);
    await lockdown().remove({ force: true });
    expect(firewall.dump(4)).not.toContain('JOBGATE-');
  });
});
