import { execFileSync } from 'node:child_process';
import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { release } from 'node:os';
import { hasIpv6 } from '../../docker/host/host-net.js';
import { DEFAULT_GATEWAY_PORT } from '../../docker/host/lockdown-rules.js';
import { capabilities, mostOpenFiles } from '../../proxy/util/own-process.js';
import { type Finding, fail, ok, warn } from './finding.js';

const CAP_NET_ADMIN = 12n;
/** What root needs to have workers that are not root, and to end them. */
const FOR_WORKERS = { CAP_KILL: 5n, CAP_SETGID: 6n, CAP_SETUID: 7n };

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

/** The platform: the host placement needs Linux. */
export function platform(): Finding {
  const text = `${process.platform}, Node ${process.versions.node}`;
  return process.platform === 'linux'
    ? ok('platform', text)
    : fail('platform', `${text}: gateways on the host need Linux`);
}

/** The capabilities that firewall rules and workers need. */
export function privileges(status?: string, uid = process.getuid?.()): Finding {
  const effective = capabilities('effective', status);
  const has = (capability: bigint) => ((effective >> capability) & 1n) === 1n;
  if (!has(CAP_NET_ADMIN)) {
    return fail(
      'privileges',
      'no CAP_NET_ADMIN, which firewall rules need',
      'run as root, or in systemd with AmbientCapabilities=CAP_NET_ADMIN',
    );
  }
  const missing = Object.entries(FOR_WORKERS).flatMap(([name, capability]) =>
    has(capability) ? [] : [name],
  );
  if (uid === 0 && missing.length > 0) {
    return fail(
      'privileges',
      `root without ${missing.join(', ')}: workers cannot be another user`,
      'add them to CapabilityBoundingSet, or to cap_add, as docker/deploy has it',
    );
  }
  return ok('privileges', 'CAP_NET_ADMIN');
}

/** Every connection of a job takes two descriptors. */
export function openFiles(limits?: string): Finding {
  const soft = mostOpenFiles(limits);
  if (Number.isNaN(soft)) return warn('open files', 'the limit cannot be read');
  const text = `${soft}, for about ${Math.floor((soft - 100) / 2)} connections at once`;
  return soft >= 4096
    ? ok('open files', text)
    : warn('open files', text, 'ulimit -n 20000, or LimitNOFILE=20000 in systemd');
}

/** Other programs that manage the firewall, and so may rewrite it under us. */
export function otherFirewalls(): Finding {
  const found: string[] = [];
  if (/^ENABLED=yes/m.test(read('/etc/ufw/ufw.conf'))) found.push('ufw');
  if (existsSync('/run/firewalld') || processRuns('firewalld')) found.push('firewalld');
  if (found.length === 0) return ok('other firewalls', 'none');
  const detail = `${found.join(' and ')}: a reload can remove the rules of jobgate; they are verified every few seconds and put back`;
  // firewalld keeps a table of its own, which sees packets after ours let them in.
  const fix = found.includes('firewalld')
    ? `if jobs can't reach their proxy: allow tcp port ${DEFAULT_GATEWAY_PORT} on interfaces jg-*`
    : undefined;
  return warn('other firewalls', detail, fix);
}

function processRuns(name: string): boolean {
  return read(`/run/${name}.pid`) !== '';
}

/** The commands that the lock-down is installed with. */
export function firewallTools(): Finding {
  try {
    const env = { ...process.env, PATH: `${process.env.PATH ?? ''}:/usr/sbin:/sbin` };
    return ok(
      'firewall tools',
      execFileSync('iptables', ['--version'], { env, encoding: 'utf8', stdio: 'pipe' }).trim(),
    );
  } catch {
    return fail('firewall tools', 'iptables is not installed', 'apt-get install iptables');
  }
}

/** The settings of bridges; in a container /proc/sys is read-only unless it is told otherwise. */
export function bridgeSettings(): Finding {
  const file = '/proc/sys/net/ipv4/conf/default/forwarding';
  try {
    accessSync(file, constants.W_OK);
    return ok('bridge settings', '/proc/sys/net can be written');
  } catch {
    return fail(
      'bridge settings',
      '/proc/sys/net is read-only, and bridges cannot be hardened',
      'run as root; in a container with security_opt systempaths=unconfined',
    );
  }
}

export function kernel(): Finding {
  const ipv6 = hasIpv6() ? 'with IPv6' : 'without IPv6';
  const bridged = read('/proc/sys/net/bridge/bridge-nf-call-iptables').trim() === '1';
  return ok(
    'kernel',
    `${release()}, ${ipv6}, bridged packets ${bridged ? 'pass' : 'do not pass'} the firewall`,
  );
}
