import { execFile, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { packageFile } from '../../proxy/util/package-files.js';
import type { Plan, Said } from './inside/plan.js';

const exec = promisify(execFile);

/** Addresses for documentation (RFC 5737, RFC 3849); the first block that this host has no part in. */
const BLOCKS = ['203.0.113', '198.51.100', '192.0.2'];
const PREFIX6 = '2001:db8:6a67';
const DEVICE = 'jgv-outside';
const FAR = 'jgv-far';

/**
 * What stands for the world outside: a network namespace with documentation addresses, to which this host has a route, and
 * which has one back. What the host would forward to the internet, or translate, it forwards there.
 */
export interface Outside extends AsyncDisposable {
  readonly origin: string;
  /** Absent: this host has no IPv6. */
  readonly origin6?: string;
  /** The name server's. */
  readonly dns: string;
  /** A link-local one, as metadata services have. */
  readonly linkLocal: string;
  /** Of this host, on the link to it. */
  readonly device: string;
  /** Why its process has ended; undefined while it listens. */
  readonly over: () => string | undefined;
}

export const OUTSIDE_TCP = [22, 25, 80, 443, 8443];
export const OUTSIDE_UDP = [123, 443, 51820];

/** @throws where it cannot be had: it takes root, `ip`, `unshare` and `nsenter`. */
export async function openOutside(token: string, onSaid: (said: Said) => void): Promise<Outside> {
  const block = await freeBlock();
  const [near, origin, dns] = [`${block}.49`, `${block}.50`, `${block}.53`];
  const linkLocal = await freeLinkLocal();
  const program = fileURLToPath(packageFile('dist/src/verify/inside/main.js'));
  // It ends with its stdin, and the namespace and the link with it.
  const child = spawn('unshare', ['--net', process.execPath, program, '-'], {
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code) => resolve(`it ended with ${code}`));
  });
  let over: string | undefined;
  void ended.then((why) => {
    over = why;
  });
  const close = async () => {
    child.kill('SIGKILL');
    await ended;
    await ip(`link del ${DEVICE}`).catch(() => {}); // gone with the namespace, a little later
  };
  try {
    const pid = child.pid;
    if (pid === undefined) throw new Error(await ended);
    await inNamespaceOfItsOwn(pid, ended);
    await ip(
      `link add ${DEVICE} type veth peer name ${FAR} netns ${pid}`,
      `addr add ${near}/28 dev ${DEVICE}`,
      `link set ${DEVICE} up`,
      `route add ${linkLocal}/32 dev ${DEVICE}`,
    );
    const has6 = await ip(`-6 addr add ${PREFIX6}::1/64 dev ${DEVICE} nodad`).then(
      () => true,
      () => false,
    );
    const there = ['nsenter', `--net=/proc/${pid}/ns/net`, 'ip'];
    await ipBy(there, [
      'link set lo up',
      `link set ${FAR} up`,
      ...[`${origin}/28`, `${dns}/28`, `${linkLocal}/32`].map((one) => `addr add ${one} dev ${FAR}`),
      `route add default via ${near}`,
      ...(has6
        ? [`-6 addr add ${PREFIX6}::50/64 dev ${FAR} nodad`, `-6 route add default via ${PREFIX6}::1`]
        : []),
    ]);
    const origin6 = has6 ? `${PREFIX6}::50` : undefined;
    const listening = new Promise<void>((resolve, reject) => {
      createInterface({ input: child.stdout }).on('line', (line) => {
        const said = JSON.parse(line) as Said;
        if (said.says === 'listening') resolve();
        if (said.says === 'failed') reject(new Error(said.why));
        onSaid(said);
      });
      void ended.then((why) => reject(new Error(why)));
    });
    const plan: Plan = {
      token,
      waitMs: 0,
      attempts: [],
      listen: {
        at: 'the outside',
        addresses: [origin, dns, linkLocal, ...(origin6 ? [origin6] : [])],
        tcp: OUTSIDE_TCP,
        udp: OUTSIDE_UDP,
        names: { address: dns, origin },
        bytesAt: origin,
      },
    };
    child.stdin.write(`${JSON.stringify(plan)}\n`);
    await listening;
    return {
      origin,
      dns,
      linkLocal,
      device: DEVICE,
      ...(origin6 && { origin6 }),
      over: () => over,
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function freeBlock(): Promise<string> {
  const { stdout } = await exec('ip', ['-4', 'route', 'show', 'table', 'all']);
  const block = BLOCKS.find((one) => !stdout.includes(`${one}.`));
  if (!block) throw new Error('all blocks of addresses for documentation are in use here');
  return block;
}

async function freeLinkLocal(): Promise<string> {
  const { stdout } = await exec('ip', ['-4', 'route', 'show', 'table', 'all']);
  for (let last = 50; last < 250; last++) {
    const address = `169.254.106.${last}`;
    if (!stdout.includes(address)) return address;
  }
  throw new Error('no link-local address is free here');
}

/** `unshare` has begun once its namespace is another. */
async function inNamespaceOfItsOwn(pid: number, ended: Promise<string>): Promise<void> {
  const { readlink } = await import('node:fs/promises');
  const mine = await readlink('/proc/self/ns/net');
  let over: string | undefined;
  void ended.then((why) => {
    over = why;
  });
  for (let i = 0; i < 200; i++) {
    if (over !== undefined) throw new Error(`no network namespace can be made: ${over}`);
    const theirs = await readlink(`/proc/${pid}/ns/net`).catch(() => mine);
    if (theirs !== mine) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error('no network namespace can be made');
}

const ip = (...commands: string[]) => ipBy(['ip'], commands);

async function ipBy([file = 'ip', ...args]: string[], commands: readonly string[]): Promise<void> {
  for (const command of commands) {
    try {
      await exec(file, [...args, ...command.split(' ')]);
    } catch (error) {
      const { stderr, message } = error as Error & { stderr?: string };
      throw new Error(`ip ${command}: ${stderr?.trim() || message}`, { cause: error });
    }
  }
}
