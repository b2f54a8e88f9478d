import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { projectRoot } from './engine.js';

/** A part of a run. */
export interface Shard {
  /** Before each line that it prints. */
  readonly name: string;
  /** Of Node. */
  readonly command: readonly string[];
}

/** Namespace, engine and data of a shard are named after the process that runs it, so that the next run can tell the dead. */
const OURS = /^jobgate-test-(\d+)-\d+$/;

/** Whether shards can have network namespaces and engines of their own here; what an engine needs is installed. */
export function canShard(): boolean {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return false;
  if (process.env.JOBGATE_E2E === 'skip' || process.env.DOCKER_HOST) return false;
  if (spawnSync(`${projectRoot}test/support/engine.sh`, ['install'], { stdio: 'inherit' }).status !== 0)
    return false;
  const name = `jobgate-test-${process.pid}-0`;
  const made = spawnSync('ip', ['netns', 'add', name], { encoding: 'utf8' });
  if (made.status === 0) return spawnSync('ip', ['netns', 'del', name]).status === 0;
  process.stderr.write(`one after the other, since network namespaces cannot be had: ${made.stderr}\n`);
  return false;
}

/**
 * Runs shards side by side, so many at once, each in a network namespace and with an engine of its own: what they mostly
 * do is wait. Takes away all that it made, also where it is interrupted, and what a run that was killed left.
 *
 * @returns their exit codes.
 */
export async function runShards(shards: readonly Shard[], atOnce: number): Promise<number[]> {
  for (const name of leftBehind()) remove(name);
  const cgroups = mountCgroups();
  const running = new Set<ChildProcess>();
  let interrupted = false;
  const onSignal = (signal: NodeJS.Signals) => {
    interrupted = true;
    for (const child of running) child.kill(signal);
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const signal of signals) process.on(signal, onSignal);

  const queue = [...shards];
  const codes: number[] = [];
  const work = async (name: string) => {
    try {
      ip('netns', 'add', name);
      ip('-n', name, 'link', 'set', 'lo', 'up');
      for (let shard = queue.shift(); shard && !interrupted; shard = queue.shift()) {
        const child = start(shard, name);
        running.add(child);
        codes.push(await new Promise((resolve) => child.once('close', (code) => resolve(code ?? 1))));
        running.delete(child);
      }
    } finally {
      remove(name);
    }
  };
  try {
    await Promise.all(shards.slice(0, atOnce).map((_, i) => work(`jobgate-test-${process.pid}-${i + 1}`)));
    return interrupted ? [130] : codes;
  } finally {
    if (cgroups) spawnSync('umount', ['/sys/fs/cgroup']);
    for (const signal of signals) process.off(signal, onSignal);
  }
}

/** Its output comes line by line, each with the shard's name. */
function start({ name: title, command }: Shard, namespace: string): ChildProcess {
  const child = spawn('nsenter', [`--net=/run/netns/${namespace}`, process.execPath, ...command], {
    cwd: projectRoot,
    env: { ...process.env, ...engineOf(namespace) },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (line) =>
      process.stdout.write(`${title && `${title} | `}${line}\n`),
    );
  }
  return child;
}

const engineOf = (name: string) => ({
  JOBGATE_ENGINE_OWN: '1',
  JOBGATE_ENGINE_RUN: `/run/${name}`,
  JOBGATE_ENGINE_DATA: `/var/lib/${name}`,
});

/** Of runs whose process is gone. */
function leftBehind(): string[] {
  const names = existsSync('/run/netns') ? readdirSync('/run/netns') : [];
  return names.filter((name) => {
    const pid = OURS.exec(name)?.[1];
    return pid !== undefined && !existsSync(`/proc/${pid}`);
  });
}

/** Ends a shard's engine, if it still runs, and takes its namespace away. */
function remove(name: string): void {
  if (!existsSync(`/run/netns/${name}`)) return;
  if (existsSync(`/run/${name}`)) {
    spawnSync('nsenter', [`--net=/run/netns/${name}`, `${projectRoot}test/support/engine.sh`, 'stop'], {
      env: { ...process.env, ...engineOf(name) },
      stdio: 'inherit',
    });
  }
  ip('netns', 'del', name);
}

/** The first of several engines would mount them on a bare machine, and unmount them under the others when it ends. */
function mountCgroups(): boolean {
  if (/ \/sys\/fs\/cgroup[ /]/.test(readFileSync('/proc/self/mounts', 'utf8'))) return false;
  mkdirSync('/sys/fs/cgroup', { recursive: true });
  return spawnSync('mount', ['-t', 'cgroup2', 'cgroup2', '/sys/fs/cgroup']).status === 0;
}

function ip(...args: string[]): void {
  const ran = spawnSync('ip', args, { encoding: 'utf8' });
  if (ran.status !== 0) throw new Error(`ip ${args.join(' ')}: ${ran.stderr?.trim() || ran.error?.message}`);
}
