import type { Family } from './firewall.js';
import { BRIDGE_PREFIX, SHARED_BRIDGE_PREFIX } from './host-net.js';

/** The gateway port. Nothing registers it, so no other program's proxy takes it after a crash. */
export const DEFAULT_GATEWAY_PORT = 13128;

/**
 * Own ports of the gateways beside that one, as offsets from it: what programs reach at :53, :80 and :443 of their
 * gateway, and at the ports that a job's entries name.
 */
const OWN = { names: 2, http: 3, https: 4, slots: 5 } as const;
/** Ports of entries that a gateway has. */
export const SLOTS = 16;
/** The gateway port is at most this one. */
export const MAX_GATEWAY_PORT = 65_535 - OWN.slots - SLOTS + 1;

/** Own ports of a gateway for programs that know of no proxy; rules redirect to them. */
export function ownPorts(port: number) {
  return {
    names: port + OWN.names,
    http: port + OWN.http,
    https: port + OWN.https,
    slot: (index: number) => port + OWN.slots + index,
    last: port + OWN.slots + SLOTS - 1,
  };
}

/**
 * The lock-down as data, and what is to be done to get from the rules that are there to it. No I/O.
 *
 * Traffic from `jg-+` to the host is refused, except TCP to the gateway port on the same interface's own address, and
 * what the rules themselves redirected from :53, :80, :443 and the ports of entries on that address to own ports of the
 * gateway: others may listen there on all addresses. Forwarding from and to `jg-+` is refused, but within one
 * bridge that containers share (`jg-s+`). In nat, `jg-+` is exempt
 * from any other DNAT: a port that another container publishes would else be rewritten before INPUT sees it. The table `security` comes after `filter` and drops
 * again what `filter` has refused: as long as `filter` stands it sees nothing, and after `iptables -F` it holds
 * until the rules are mended.
 */
export type TableName = 'filter' | 'nat' | 'security';

/** One table as `iptables-save` prints it. Rules are without their `-A CHAIN`. */
interface Table {
  readonly chains: ReadonlyMap<string, readonly string[]>;
}

type Tables = ReadonlyMap<string, Table>;

interface Wanted {
  /** Chains of ours, with their whole content. */
  readonly chains: Readonly<Record<string, readonly string[]>>;
  /** Jumps at the head of chains that are not ours. */
  readonly jumps: Readonly<Record<string, readonly string[]>>;
}

const OUR_CHAINS = 'JOBGATE-';

const FROM = `-i ${BRIDGE_PREFIX}+`;
const TO = `-o ${BRIDGE_PREFIX}+`;
const INPUT_JUMPS = [`${FROM} -j JOBGATE-INPUT`];
const FORWARD_JUMPS = [`${FROM} -j JOBGATE-FORWARD`, `${TO} -j JOBGATE-FORWARD`];

/** Tables that the lock-down has rules in. `security` is a second line: a kernel may lack it. */
export const TABLES: Readonly<Record<Family, readonly TableName[]>> = {
  4: ['filter', 'nat', 'security'],
  6: ['filter', 'security'],
};

/** What differs between hosts. */
export interface Shape {
  /** The gateway port. */
  readonly port: number;
  /** Whether the kernel has the match `socket`. */
  readonly socketMatch: boolean;
  /** Whether the kernel has the match `physdev`. */
  readonly bridgedMatch: boolean;
  /** Whether it can redirect: else programs need the proxy. */
  readonly redirects: boolean;
}

/** The chain of what differs between gateways: their entries' ports. The lock-down's own are static. */
const PORTS = 'JOBGATE-PORTS';

/** Rules of a gateway, by which connections to a port of it are redirected to an own one. */
export function portRules(
  bridge: string,
  ports: readonly (readonly [port: number, own: number])[],
): string[] {
  return ports.map(
    ([port, own]) => `-i ${bridge} -p tcp -m tcp --dport ${port} -j REDIRECT --to-ports ${own}`,
  );
}

/** Rules for bridges that are gone. */
function staleRules(tables: Tables, isThere: (bridge: string) => boolean): string[] {
  const rules = tables.get('nat')?.chains.get(PORTS) ?? [];
  return rules.filter((rule) => !isThere(/^-i (\S+) /.exec(rule)?.[1] ?? ''));
}

/** Input for `iptables-restore --noflush` that takes rules of bridges out; undefined where there are none. */
export function portRemoval(tables: Tables, isThere: (bridge: string) => boolean): string | undefined {
  const rules = staleRules(tables, isThere);
  return rules.length === 0
    ? undefined
    : `*nat\n${rules.map((rule) => `-D ${PORTS} ${rule}`).join('\n')}\nCOMMIT\n`;
}

function wanted(family: Family, table: TableName, shape: Shape, present: Table | undefined): Wanted {
  // "LOCAL --limit-iface-in": an address of the interface that the packet came in by. "socket": something listens
  // on exactly that address; a program that listens on 0.0.0.0 and this port, after ours has died, does not count.
  // There is no gateway on IPv6.
  const local = '-m addrtype --dst-type LOCAL --limit-iface-in';
  const listens = shape.socketMatch ? ' -m socket' : '';
  const own = ownPorts(shape.port);
  const redirected = (protocol: string, ports: string) =>
    `-p ${protocol} -m ${protocol} --dport ${ports} ${local} -m conntrack --ctstate DNAT${listens} -j ACCEPT`;
  const accept =
    family === 4
      ? [
          `-p tcp -m tcp --dport ${shape.port} ${local}${listens} -j ACCEPT`,
          redirected('tcp', `${own.names}:${own.last}`),
          redirected('udp', `${own.names}`),
        ]
      : [];
  const redirect = (protocol: string, port: number, to: number) =>
    `-p ${protocol} -m ${protocol} --dport ${port} ${local} -j REDIRECT --to-ports ${to}`;
  const redirects = [
    redirect('udp', 53, own.names),
    redirect('tcp', 53, own.names),
    redirect('tcp', 80, own.http),
    redirect('tcp', 443, own.https),
    `${local} -j ${PORTS}`,
  ];
  // Only where the kernel shows bridged packets to these rules. What is routed from one bridge to another is not bridged.
  const shared = `-i ${SHARED_BRIDGE_PREFIX}+ -o ${SHARED_BRIDGE_PREFIX}+`;
  const among =
    family === 4 && shape.bridgedMatch ? [`${shared} -m physdev --physdev-is-bridged -j ACCEPT`] : [];
  // An ICMP answer costs a TCP client a second, a reset nothing.
  const refuse = [
    '-p tcp -j REJECT --reject-with tcp-reset',
    `-j REJECT --reject-with ${family === 4 ? 'icmp-admin-prohibited' : 'icmp6-adm-prohibited'}`,
  ];
  switch (table) {
    case 'filter':
      return {
        chains: { 'JOBGATE-INPUT': [...accept, ...refuse], 'JOBGATE-FORWARD': [...among, ...refuse] },
        jumps: {
          INPUT: INPUT_JUMPS,
          FORWARD: FORWARD_JUMPS,
          ...(present?.chains.has('DOCKER-USER') && { 'DOCKER-USER': FORWARD_JUMPS }),
        },
      };
    case 'nat':
      return {
        chains: { 'JOBGATE-PREROUTING': [...(shape.redirects ? redirects : []), '-j ACCEPT'] },
        jumps: { PREROUTING: [`${FROM} -j JOBGATE-PREROUTING`] },
      };
    case 'security':
      return {
        chains: { 'JOBGATE-INPUT': [...accept, '-j DROP'], 'JOBGATE-FORWARD': [...among, '-j DROP'] },
        jumps: { INPUT: INPUT_JUMPS, FORWARD: FORWARD_JUMPS },
      };
  }
}

/** Reads the output of `iptables-save`. */
export function parseSave(text: string): Tables {
  const tables = new Map<string, { chains: Map<string, string[]> }>();
  let chains = new Map<string, string[]>();
  for (const line of text.split('\n')) {
    if (line.startsWith('*')) {
      chains = new Map();
      tables.set(line.slice(1).trim(), { chains });
    } else if (line.startsWith(':')) {
      chains.set(line.slice(1).split(' ', 1)[0] ?? '', []);
    } else if (line.startsWith('-A ')) {
      const [chain = '', ...words] = line.slice(3).trimEnd().split(' ');
      const rules = chains.get(chain);
      if (rules) rules.push(words.join(' '));
      else chains.set(chain, [words.join(' ')]);
    }
  }
  return tables;
}

/** What is wrong with a table, a line each; empty where the lock-down stands. @param ports rules of `portRules` */
export function problems(
  family: Family,
  name: TableName,
  tables: Tables,
  shape: Shape,
  ports: readonly string[] = [],
): string[] {
  const table = tables.get(name);
  const want = wanted(family, name, shape, table);
  const found: string[] = [];
  const where = (chain: string) => `${family === 4 ? 'iptables' : 'ip6tables'} ${name} ${chain}`;
  for (const [chain, rules] of Object.entries(want.chains)) {
    const there = table?.chains.get(chain);
    if (!there) found.push(`${where(chain)} is missing`);
    else if (!same(there, rules)) found.push(`${where(chain)} has other rules than it should`);
  }
  for (const [chain, jumps] of Object.entries(want.jumps)) {
    if (!atHead(table, chain, jumps)) found.push(`${where(chain)} does not begin with the jump to ours`);
  }
  if (name === 'nat' && shape.redirects) {
    if (!table?.chains.has(PORTS)) found.push(`${where(PORTS)} is missing`);
    else if (missingPorts(table, ports).length > 0) found.push(`${where(PORTS)} lacks ports of a gateway`);
  }
  return found;
}

function missingPorts(table: Table | undefined, ports: readonly string[]): string[] {
  const there = new Set((table?.chains.get(PORTS) ?? []).map(normal));
  return ports.filter((rule) => !there.has(normal(rule)));
}

function atHead(table: Table | undefined, chain: string, jumps: readonly string[]): boolean {
  const rules = table?.chains.get(chain) ?? [];
  const ours = rules.filter(isJumpToOurs);
  if (!same(ours, jumps)) return false; // one is missing, doubled, or of an older shape
  if (same(rules.slice(0, jumps.length), jumps)) return true;
  // Docker puts its own jump in front again whenever a network is made. What it jumps to begins with ours.
  return chain === 'FORWARD' && rules[0] === '-j DOCKER-USER' && atHead(table, 'DOCKER-USER', jumps);
}

/** Input for `iptables-restore --noflush` that mends one table: whole, whatever of ours was there before. */
export function repair(
  family: Family,
  name: TableName,
  tables: Tables,
  shape: Shape,
  ports: readonly string[] = [],
): string {
  const table = tables.get(name);
  const want = wanted(family, name, shape, table);
  const lines = [`*${name}`];
  // That of the ports has those of other processes' gateways as well.
  const hasPorts = name === 'nat' && shape.redirects;
  if (hasPorts && !table?.chains.has(PORTS)) lines.push(`:${PORTS} - [0:0]`);
  // Declaring a chain makes it, or empties it.
  for (const chain of Object.keys(want.chains)) lines.push(`:${chain} - [0:0]`);
  for (const [chain, rules] of Object.entries(want.chains)) {
    for (const rule of rules) lines.push(`-A ${chain} ${rule}`);
  }
  if (hasPorts) for (const rule of missingPorts(table, ports)) lines.push(`-A ${PORTS} ${rule}`);
  lines.push(...deletions(table));
  for (const [chain, jumps] of Object.entries(want.jumps)) {
    for (const jump of [...jumps].reverse()) lines.push(`-I ${chain} 1 ${jump}`);
  }
  return `${lines.join('\n')}\nCOMMIT\n`;
}

/** Input that takes everything of ours out of one table; undefined where there is nothing. */
export function removal(name: TableName, tables: Tables): string | undefined {
  const table = tables.get(name);
  const chains = [...(table?.chains.keys() ?? [])].filter((chain) => chain.startsWith(OUR_CHAINS));
  const lines = deletions(table);
  if (!chains.length && !lines.length) return undefined;
  for (const step of ['-F', '-X']) for (const chain of chains) lines.push(`${step} ${chain}`);
  return `*${name}\n${lines.join('\n')}\nCOMMIT\n`;
}

/** The gateway port that the installed rules let through; undefined where none are installed. */
export function installedPort(tables: Tables): number | undefined {
  for (const rule of tables.get('filter')?.chains.get('JOBGATE-INPUT') ?? []) {
    const port = rule.endsWith('-j ACCEPT') && /--dport (\d+) /.exec(rule)?.[1];
    if (port) return Number(port);
  }
  return undefined;
}

const isJumpToOurs = (rule: string) => new RegExp(`-j ${OUR_CHAINS}`).test(rule);

function deletions(table: Table | undefined): string[] {
  const lines: string[] = [];
  for (const [chain, rules] of table?.chains ?? []) {
    if (chain.startsWith(OUR_CHAINS)) continue;
    for (const rule of rules) if (isJumpToOurs(rule)) lines.push(`-D ${chain} ${rule}`);
  }
  return lines;
}

const same = (a: readonly string[], b: readonly string[]) =>
  a.length === b.length && a.every((rule, i) => normal(rule) === normal(b[i] ?? ''));

// Versions differ in whether they print the match that -p implies.
const normal = (rule: string) => rule.replace(/ -m (tcp|udp)(?= )/g, '').replace(/\s+/g, ' ');
