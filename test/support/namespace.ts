import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Iptables } from '../../docker/host/firewall.js';
import { Cleanup } from './cleanup.js';
import { type Ran, run } from './e2e.js';

/** A network namespace, with interfaces and a firewall of its own. It ends with this process at the latest. */
export interface Namespace extends AsyncDisposable {
  readonly pid: number;
  /** What leads a command there. */
  readonly prefix: readonly string[];
  /** Its firewall. */
  readonly iptables: Iptables;
  /** The same by a command that runs its arguments as a command (`setpriv …`). */
  iptablesVia(...command: string[]): Promise<Iptables>;
  /** Runs a command there. Throws if it fails. */
  run(file: string, ...args: string[]): Promise<Ran>;
  /** Serves TCP there, on all addresses of both families or on one; greets each client. */
  serve(port: number, greeting: string, address?: string): Promise<void>;
}

export async function createNamespace(): Promise<Namespace> {
  const cleanup = new Cleanup();
  // It ends when its input does, and that does with this process.
  const holder = spawn('unshare', ['--net', 'sh', '-c', 'echo ready; read -r _'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  cleanup.add(() => holder.kill('SIGKILL'));
  await once(holder.stdout, 'data');
  const { pid } = holder;
  if (pid === undefined) throw new Error('unshare did not start');
  const prefix = ['nsenter', '--target', String(pid), '--net', '--'];
  const inside = async (file: string, ...args: string[]) => {
    const ran = await run(prefix[0] ?? '', [...prefix.slice(1), file, ...args]);
    if (ran.code !== 0) throw new Error(`${file} ${args.join(' ')}: ${ran.stderr.trim()}`);
    return ran;
  };
  await inside('ip', 'link', 'set', 'lo', 'up');
  // Duplicate address detection would keep IPv6 addresses from use for a second or two.
  const settings = '/proc/sys/net/ipv6/conf';
  await inside('sh', '-c', `for i in all default; do echo 0 >${settings}/$i/accept_dad || true; done`);

  const iptablesVia = async (...command: string[]) => {
    const folder = mkdtempSync(join(tmpdir(), 'jobgate-namespace-'));
    cleanup.add(() => rmSync(folder, { recursive: true }));
    for (const name of ['iptables', 'ip6tables'].flatMap((n) => [`${n}-save`, `${n}-restore`])) {
      const found = await run('sh', ['-c', `PATH=$PATH:/usr/sbin:/sbin command -v ${name}`]);
      const line = [...prefix, ...command, found.stdout.trim()].join(' ');
      writeFileSync(join(folder, name), `#!/bin/sh\nexec ${line} "$@"\n`);
      chmodSync(join(folder, name), 0o755);
    }
    return new Iptables({ ...process.env, PATH: `${folder}:${process.env.PATH}` });
  };

  return {
    pid,
    prefix,
    iptables: await iptablesVia(),
    iptablesVia,
    run: inside,
    async serve(port, greeting, address = '::') {
      const script = `require('net').createServer((socket) => {
          socket.on('error', () => {});
          socket.end(${JSON.stringify(greeting)});
        }).listen(${port}, ${JSON.stringify(address)}, () => console.log('listening'));`;
      const [file = '', ...args] = [...prefix, process.execPath, '-e', script];
      const server = spawn(file, args, { stdio: ['ignore', 'pipe', 'inherit'] });
      cleanup.add(() => server.kill('SIGKILL'));
      await once(server.stdout, 'data');
    },
    [Symbol.asyncDispose]: () => cleanup[Symbol.asyncDispose](),
  };
}

/** Joins two namespaces by a pair of interfaces, with an address at each end (`192.0.2.1/24`), and brings them up. */
export async function connectNamespaces(
  a: { ns: Namespace; name: string; addresses?: readonly string[] },
  b: { ns: Namespace; name: string; addresses?: readonly string[] },
): Promise<void> {
  const peer = ['peer', 'name', b.name, 'netns', String(b.ns.pid)];
  await a.ns.run('ip', 'link', 'add', a.name, 'type', 'veth', ...peer);
  for (const { ns, name, addresses = [] } of [a, b]) {
    for (const address of addresses) {
      await ns.run('ip', 'addr', 'add', address, 'dev', name);
    }
    await ns.run('ip', 'link', 'set', name, 'up');
  }
}
