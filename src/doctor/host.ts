import { execFileSync } from 'node:child_process';
import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { release } from 'node:os';
import { filtersSources } from '../../docker/host/bridge.js';
import { hasIpv6 } from '../../docker/host/host-net.js';
import { DEFAULT_GATEWAY_PORT } from '../../docker/host/lockdown-rules.js';
import { capabilities, mostOpenFiles } from '../../proxy/util/own-process.js';
import { type Finding, fail, ok, warn } from './finding.js';

const CAP_NET_ADMIN = 12n;
/** What root needs to have workers that are not root, and to end them. */
const FOR_WORKERS = { CAP_KILL: 5n, CAP_SETGID: 6n, CAP_SETUID: 7n };

/** What is not there has nothing in it. @throws Error of the system where it is there and cannot be read */
function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return '';
    throw error;
  }
}

/** `EACCES`, say. */
function why(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return code ?? message;
}

/** The platform: the host placement needs Linux. */
export function platform(): Finding {
  const text = `${process.platform}, Node ${process.versions.node}`;
  return process.platform === 'linux'
    ? ok('platform', text)
    : fail('platform', `${text}: gateways on the host need Linux`);
}

/** The capabilities that firewall rules and workers need. */
export function privileges(status = read('/proc/self/status'), uid = process.getuid?.()): Finding {
  if (!/^CapEff:/m.test(status)) {
    return fail('privileges', '/proc/self/status does not tell the capabilities', 'mount /proc');
  }
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
export function otherFirewalls({ ufw = '/etc/ufw/ufw.conf' } = {}): Finding {
  const found: string[] = [];
  try {
    if (/^ENABLED=yes/m.test(read(ufw))) found.push('ufw');
    if (existsSync('/run/firewalld') || processRuns('firewalld')) found.push('firewalld');
  } catch (error) {
    return warn('other firewalls', `cannot be told: ${(error as Error).message}`, 'run as root');
  }
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
  } catch (error) {
    return why(error) === 'ENOENT'
      ? fail('firewall tools', 'iptables is not installed', 'apt-get install iptables')
      : fail(
          'firewall tools',
          `iptables does not run: ${(error as Error).message.replace(/\s+/g, ' ').trim()}`,
        );
  }
}

/** The settings of bridges; in a container /proc/sys is read-only unless it is told otherwise. */
export function bridgeSettings(file = '/proc/sys/net/ipv4/conf/default/forwarding'): Finding {
  const check = 'bridge settings';
  try {
    accessSync(file, constants.W_OK);
    return ok(check, '/proc/sys/net can be written');
  } catch (error) {
    const code = why(error);
    if (code === 'EROFS') {
      return fail(
        check,
        '/proc/sys/net is read-only, and bridges cannot be hardened',
        'in a container: security_opt systempaths=unconfined',
      );
    }
    if (code === 'EACCES' || code === 'EPERM')
      return fail(
        check,
        'this user may not write /proc/sys/net, and bridges cannot be hardened',
        'run as root',
      );
    return fail(check, `${file} cannot be looked at: ${code}`, 'mount /proc');
  }
}

/** Whether jobs with gateways in containers can send datagrams to services of the host. @param isHere the engine */
export function hostEnd(isHere: boolean | undefined, settings = '/proc/sys/net/ipv4/conf'): Finding {
  const check = 'host end';
  const fix = 'sysctl -w net.ipv4.conf.default.rp_filter=2, and in /etc/sysctl.d';
  if (isHere === false) {
    return warn(
      check,
      "the engine is elsewhere: where its rp_filter is 0, jobs can send datagrams to its host's services",
      `there: ${fix}`,
    );
  }
  if (filtersSources('default', settings))
    return ok(check, 'rp_filter keeps datagrams of jobs from the host');
  try {
    accessSync(`${settings}/default/rp_filter`, constants.W_OK);
    return ok(check, "closed on each job's bridge as it is made");
  } catch {
    return warn(
      check,
      'rp_filter is 0 and this user may not set it: jobs can send datagrams to services of this host',
      fix,
    );
  }
}

export function kernel(): Finding {
  const ipv6 = hasIpv6() ? 'with IPv6' : 'without IPv6';
  const text = `${release()}, ${ipv6}, bridged packets`;
  try {
    const bridged = read('/proc/sys/net/bridge/bridge-nf-call-iptables').trim() === '1';
    return ok('kernel', `${text} ${bridged ? 'pass' : 'do not pass'} the firewall`);
  } catch (error) {
    return warn('kernel', `${text}: cannot be told: ${(error as Error).message}`, 'run as root');
  }
}
