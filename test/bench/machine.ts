import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';

/** Where the measured process runs, and where what loads it does. Undefined: nothing can be pinned here. */
export interface Cores {
  readonly measured: number;
  readonly load: number;
}

export function findCores(): Cores | undefined {
  if (spawnSync('taskset', ['-c', '0', 'true']).status !== 0) return undefined;
  const allowed = /^Cpus_allowed_list:\s*(.+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0';
  const list = allowed.split(',').flatMap((range) => {
    const [from = 0, to = from] = range.split('-').map(Number);
    return Array.from({ length: to - from + 1 }, (_, i) => from + i);
  });
  const measured = list.at(-1) ?? 0;
  const load = list.at(-2);
  return load === undefined ? undefined : { measured, load };
}

/** One line, for whoever compares figures of two machines. */
export function describeMachine(): string {
  const model = cpus()[0]?.model.trim() ?? 'unknown processor';
  const memory = Math.round(totalmem() / 2 ** 30);
  return `${cpus().length} cores (${model}), ${memory} GiB, Linux ${release()}, Node ${process.version}`;
}
