import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import Dockerode from 'dockerode';
import { afterEach, expect, it } from 'vitest';
import { JOB_IMAGE } from '../support/cli.js';
import { describeE2e } from '../support/e2e.js';

const CLI = fileURLToPath(new URL('../../dist/src/cli.js', import.meta.url));

describeE2e('whoever reads the output of jobgate run', () => {
  let running: ChildProcess | undefined;
  afterEach(() => running?.kill('SIGKILL'));

  function start(options: readonly string[], script: string) {
    const args = ['run', '--pull', 'never', ...options, JOB_IMAGE, 'bash', '-c', script];
    const child = spawn(process.execPath, [CLI, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    running = child;
    return { child, ended: once(child, 'exit').then(([code]) => code as number | null) };
  }

  async function containers(mark: string) {
    const all = await new Dockerode().listContainers({ all: true });
    return all.filter(({ Command }) => Command.includes(mark));
  }

  it.each(['stdout', 'stderr'] as const)(
    'may stop reading %s: the time limit holds, and nothing is left',
    async (name) => {
      const mark = `unread-${name}-${process.pid}`;
      const script = `trap 'exit 0' TERM; yes ${name === 'stderr' ? '>&2 ' : ''}& wait; : ${mark}`;
      const { child, ended } = start(['--timeout', '3s'], script);
      const other = name === 'stdout' ? child.stderr : child.stdout;
      other.resume(); // the one in question is never read
      expect(await ended).toBe(124);
      expect(await containers(mark)).toEqual([]);
    },
    60_000,
  );

  it.each(['warn', 'info'])(
    "may close stderr: the exit code is still the job's (log level %s)",
    async (level) => {
      const http = ['--domain', 'example.com', '--log-level', level];
      const refused = 'curl -s -o /dev/null http://refused.test/';
      const { child, ended } = start(http, `echo up; sleep 1; ${refused}; echo err >&2; ${refused}; exit 7`);
      child.stdout.resume();
      await once(child.stdout, 'data');
      child.stderr.destroy();
      expect(await ended).toBe(7);
    },
  );
});
