import { rmSync, writeFileSync } from 'node:fs';
import { run } from '../../support/e2e.js';
import { type Draw, inSeconds, pick, SERVE_MS, sleep, time, WORKER_MS } from './step.js';

const RULES = [
  ['iptables', 'filter'],
  ['iptables', 'security'],
  ['iptables', 'nat'],
  ['ip6tables', 'filter'],
  ['ip6tables', 'security'],
] as const;
const CHAINS = /^:(JOBGATE-(?!PORTS)\S+)/gm;
const JUMPS = /^-A (?!JOBGATE-)(.* -j JOBGATE-.*)$/gm;

/** Takes rules of the lock-down away; others' are none of our business. */
async function flush(command: string, table: string, how: 'chains' | 'jumps'): Promise<void> {
  const { stdout } = await run(`${command}-save`, ['-t', table]);
  const lines =
    how === 'chains'
      ? [...stdout.matchAll(CHAINS)].map(([, chain]) => `-F ${chain}`)
      : [...stdout.matchAll(JUMPS)].map(([, rule]) => `-D ${rule}`);
  await run(`${command}-restore`, ['--noflush'], { input: `*${table}\n${lines.join('\n')}\nCOMMIT\n` });
}

const rules: Draw = (below) => {
  const [[command, table], how] = [pick(below, RULES), pick(below, ['chains', 'jumps'] as const)];
  return {
    what: `${command} ${table} ${how}`,
    withinMs: WORKER_MS,
    async run({ reached, patience }) {
      await flush(command, table, how);
      // Both lines at once are as all rules: docs/threats.md.
      reached.flushed(command, table, patience);
    },
  };
};

/** All at once, as `nft flush ruleset` does it to what is jobgate's: until the next check jobs reach the host. */
const allRules: Draw = (below) => {
  const how = pick(below, ['chains', 'jumps'] as const);
  return {
    what: how,
    withinMs: WORKER_MS,
    async run({ reached, patience }) {
      reached.excuseHost(patience);
      await Promise.all(RULES.map(([command, table]) => flush(command, table, how)));
      reached.excuseHost(patience);
    },
  };
};

const descriptors: Draw = (below) => {
  const [what, more, ms] = [pick(below, ['serve', 'worker']), below(4), time(below, 1_000, 6_000)];
  return {
    what: `${what} +${more} ${inSeconds(ms)}`,
    withinMs: SERVE_MS,
    async run({ world, reached, patience }) {
      const { serve } = world;
      if (what === 'serve') reached.blind(ms, patience);
      const pid = what === 'serve' ? serve.pid : (serve.workers()[0] ?? serve.pid);
      const limit = (to: string) => run('prlimit', ['--pid', String(pid), `--nofile=${to}`]);
      const { descriptors: now } = what === 'serve' ? serve.size() : { descriptors: 40 };
      await limit(`${now + more}:`);
      await sleep(ms);
      await limit('20000:');
    },
  };
};

const processes: Draw = (below) => {
  const ms = time(below, 1_000, 6_000);
  return {
    what: inSeconds(ms),
    withinMs: SERVE_MS,
    async run({ world, reached, patience }) {
      reached.blind(ms, patience);
      world.serve.cgroup.limitProcesses(0);
      await sleep(ms);
      world.serve.cgroup.limitProcesses(undefined);
    },
  };
};

const memory: Draw = (below) => {
  const [more, ms] = [below(6) * 1_000_000, time(below, 1_000, 5_000)];
  return {
    what: `+${more / 1e6}MB ${inSeconds(ms)}`,
    withinMs: SERVE_MS,
    async run({ world, reached, patience }) {
      const { serve } = world;
      reached.blind(ms, patience);
      serve.cgroup.limitMemory(more);
      const end = Date.now() + ms;
      // Something has to ask for some.
      while (Date.now() < end) {
        await Promise.race([
          Promise.all(Array.from({ length: 8 }, () => serve.tryAsk('/metrics'))),
          sleep(500),
        ]);
        await sleep(50);
      }
      serve.cgroup.limitMemory(undefined);
    },
  };
};

const disk: Draw = (below) => {
  const ms = time(below, 1_000, 6_000);
  return {
    what: inSeconds(ms),
    withinMs: SERVE_MS,
    async run({ world }) {
      const file = `${world.serve.state}/full`;
      try {
        for (let size = 1 << 20; size >= 4096; size >>= 1) {
          try {
            writeFileSync(file, Buffer.alloc(size), { flag: 'a' });
          } catch {} // what fits, is there
        }
        await sleep(ms);
      } finally {
        rmSync(file, { force: true });
      }
    },
  };
};

/** Of the wall, forward and back: seconds to days. */
const OFFSETS = [1_000, 90_000, 3_600_000, 86_400_000, 40 * 86_400_000];
const clock: Draw = (below) => {
  const [offset, back, ms] = [pick(below, OFFSETS), below(2) === 0, time(below, 500, 4_000)];
  return {
    what: `${back ? '-' : '+'}${inSeconds(offset)} for ${inSeconds(ms)}`,
    withinMs: WORKER_MS,
    async run({ world }) {
      world.serve.setClock(back ? -offset : offset);
      await sleep(ms);
      world.serve.setClock(0);
    },
  };
};

export const node: Readonly<Record<string, Draw>> = {
  rules,
  'all-rules': allRules,
  descriptors,
  processes,
  memory,
  disk,
  clock,
};
