import { type Family, type Firewall, FirewallError } from '../../docker/host/firewall.js';

/** What a host with Docker and rules of its own has. */
export const HOST_RULES = `
*filter
:INPUT ACCEPT [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
:DOCKER-USER - [0:0]
:f2b-sshd - [0:0]
-A INPUT -p tcp -m multiport --dports 22 -j f2b-sshd
-A INPUT -m comment --comment "two words" -j ACCEPT
-A FORWARD -j DOCKER-USER
-A FORWARD -i docker0 ! -o docker0 -j ACCEPT
-A DOCKER-USER -s 203.0.113.0/24 -j DROP
-A DOCKER-USER -j RETURN
-A f2b-sshd -j RETURN
COMMIT
*nat
:PREROUTING ACCEPT [0:0]
:DOCKER - [0:0]
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
COMMIT
`;

/** As much of iptables as the lock-down uses, without a kernel. */
export class MemoryFirewall implements Firewall {
  readonly tables: Record<Family, Map<string, Map<string, string[]>>> = { 4: new Map(), 6: new Map() };
  readonly applied: string[] = [];
  saves = 0;
  /** Thrown instead of what was asked for, one after the other. */
  failing: (error: 'save' | 'restore', input?: string, family?: Family) => Error | undefined = () =>
    undefined;

  constructor(text = '') {
    this.load(4, text);
  }

  load(family: Family, text: string): void {
    let chains = new Map<string, string[]>();
    for (const line of text.split('\n').map((l) => l.trim())) {
      if (line.startsWith('*')) {
        chains = new Map();
        this.tables[family].set(line.slice(1), chains);
      } else if (line.startsWith(':')) chains.set(line.slice(1).split(' ')[0] ?? '', []);
      else if (line.startsWith('-A ')) {
        const [, chain = '', rule = ''] = /^-A (\S+) (.*)$/.exec(line) ?? [];
        chains.get(chain)?.push(rule);
      }
    }
  }

  async save(family: Family): Promise<string> {
    this.saves++;
    const error = this.failing('save', undefined, family);
    if (error) throw error;
    return this.dump(family);
  }

  dump(family: Family): string {
    const lines: string[] = [];
    for (const [name, chains] of this.tables[family]) {
      lines.push(`*${name}`);
      for (const chain of chains.keys()) lines.push(`:${chain} - [0:0]`);
      for (const [chain, rules] of chains) for (const rule of rules) lines.push(`-A ${chain} ${rule}`);
      lines.push('COMMIT');
    }
    return `${lines.join('\n')}\n`;
  }

  async restore(family: Family, input: string): Promise<void> {
    const error = this.failing('restore', input, family);
    if (error) throw error;
    this.applied.push(input);
    const name = /^\*(\S+)/.exec(input)?.[1] ?? '';
    // As one step: on a copy.
    const chains = new Map([...(this.tables[family].get(name) ?? new Map())].map(([c, r]) => [c, [...r]]));
    for (const hook of ['INPUT', 'FORWARD', 'PREROUTING']) if (!chains.has(hook)) chains.set(hook, []);
    for (const line of input.split('\n')) apply(chains, line);
    this.tables[family].set(name, chains);
  }
}

function apply(chains: Map<string, string[]>, line: string): void {
  const fail = () => new FirewallError('failed', `iptables-restore failed: ${line}`);
  const rulesOf = (chain: string) => {
    const rules = chains.get(chain);
    if (!rules) throw fail();
    return rules;
  };
  if (line.startsWith(':')) {
    chains.set(line.slice(1).split(' ')[0] ?? '', []);
    return;
  }
  const [, step, chain = '', rest = ''] = /^(-[ADIFX]) (\S+) ?(.*)$/.exec(line) ?? [];
  switch (step) {
    case '-A':
      rulesOf(chain).push(rest);
      break;
    case '-I':
      rulesOf(chain).unshift(rest.replace(/^1 /, ''));
      break;
    case '-D': {
      const at = rulesOf(chain).indexOf(rest);
      if (at < 0) throw fail();
      rulesOf(chain).splice(at, 1);
      break;
    }
    case '-F':
      chains.set(chain, []);
      break;
    case '-X': {
      const used = [...chains.values()].flat().some((rule) => rule.endsWith(`-j ${chain}`));
      if (used || rulesOf(chain).length > 0) throw fail();
      chains.delete(chain);
    }
  }
}
