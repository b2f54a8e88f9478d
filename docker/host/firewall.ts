import { type ExecFileException, execFile } from 'node:child_process';
import { LockdownError } from '../engine/errors.js';
import { isStarved } from './starved.js';

export type Family = 4 | 6;

/** The host's packet filter, as `iptables-save` and `iptables-restore` show it. */
export interface Firewall {
  /** All rules of the family. */
  save(family: Family): Promise<string>;
  /** Applies input for `iptables-restore`, table by table as one step, to what is there already. */
  restore(family: Family, input: string): Promise<void>;
}

/** A command of the firewall failed: what it said, with what to do. */
export class FirewallError extends LockdownError {
  override readonly name = 'FirewallError';
  override readonly code = 'JOBGATE_FIREWALL';
  /**
   * `missing`: not installed; `privilege`: not allowed; `busy`: worth another try; `starved`: it could not be run, or not to
   * its end, for want of descriptors, processes or memory; `failed`: anything else.
   */
  readonly kind: 'missing' | 'privilege' | 'busy' | 'starved' | 'failed';
  constructor(kind: FirewallError['kind'], message: string) {
    super(message);
    this.kind = kind;
  }
}

/** The firewall of this host by the commands of the iptables package. */
export class Iptables implements Firewall {
  readonly #env: NodeJS.ProcessEnv;

  /** @param env environment of the commands. Default: this process's, with the folders of system commands. */
  constructor(env: NodeJS.ProcessEnv = systemEnv()) {
    this.#env = env;
  }

  save(family: Family): Promise<string> {
    return run(this.#env, `${command(family)}-save`, []);
  }

  async restore(family: Family, input: string): Promise<void> {
    // Without --noflush it would empty the host's whole firewall first.
    await run(this.#env, `${command(family)}-restore`, ['--noflush', '--wait', '5'], input);
  }
}

const command = (family: Family) => (family === 4 ? 'iptables' : 'ip6tables');

// Users' PATH often lacks the folders of system commands.
const systemEnv = () => ({
  ...process.env,
  LC_ALL: 'C',
  PATH: `${process.env.PATH ?? ''}:/usr/sbin:/sbin`,
});

function run(env: NodeJS.ProcessEnv, name: string, args: string[], input?: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { env, timeout: 15_000, maxBuffer: 64 * 1024 * 1024 };
    const child = execFile(name, args, options, (error, stdout, stderr) => {
      if (error) reject(explain(name, error, stderr));
      else resolve(stdout);
    });
    child.stdin?.on('error', () => {}); // the exit status tells
    child.stdin?.end(input ?? '');
  });
}

function explain(name: string, error: ExecFileException, stderr: string): FirewallError {
  const { code, signal } = error;
  if (String(code) === 'ENOENT') {
    return new FirewallError(
      'missing',
      `${name} is not installed, and the lock-down needs it: apt-get install iptables`,
    );
  }
  if (isStarved(error)) return new FirewallError('starved', `${name} cannot be started: ${error.message}`);
  // Where memory is short, the kernel ends whom it likes.
  if (signal === 'SIGKILL') return new FirewallError('starved', `${name} was killed`);
  const said = (stderr.trim() || error.message).replace(/\s+/g, ' ');
  if (/lock file|xtables\.lock/i.test(said) && /denied|read-only/i.test(said)) {
    return new FirewallError(
      'privilege',
      `${name} cannot open its lock file: run as root, or set XTABLES_LOCKFILE to a file that this user may write (${said})`,
    );
  }
  if (/permission denied|not permitted|must be root/i.test(said)) {
    return new FirewallError(
      'privilege',
      `no privilege for the lock-down's firewall rules: run as root, or with CAP_NET_ADMIN that child processes keep (systemd: AmbientCapabilities=CAP_NET_ADMIN), or use --gateway container (${name}: ${said})`,
    );
  }
  if (/xtables lock|temporarily unavailable|resource busy|device or resource busy|try again/i.test(said)) {
    return new FirewallError('busy', `the firewall is busy: ${name}: ${said}`);
  }
  return new FirewallError('failed', `${name} failed: ${said}`);
}
