import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';

const ROOT = '/sys/fs/cgroup';
/** Of the first version there is a hierarchy for each kind of limit, of the second one for all. */
const V1 = existsSync(`${ROOT}/pids/cgroup.procs`);
const FILES = V1
  ? {
      pids: 'pids.max',
      pidsNow: 'pids.current',
      memory: 'memory.limit_in_bytes',
      memoryNow: 'memory.usage_in_bytes',
    }
  : { pids: 'pids.max', pidsNow: 'pids.current', memory: 'memory.max', memoryNow: 'memory.current' };

/** Limits for a serve and its children; of nobody else. Ends with `remove`. */
export class Cgroup {
  readonly #name: string;

  constructor(name: string) {
    this.#name = name;
    if (!V1) {
      for (const kind of ['pids', 'memory']) writeFileSync(`${ROOT}/cgroup.subtree_control`, `+${kind}`);
    }
    for (const folder of this.#folders) mkdirSync(folder, { recursive: true });
  }

  get #folders(): string[] {
    return V1 ? [`${ROOT}/pids/${this.#name}`, `${ROOT}/memory/${this.#name}`] : [`${ROOT}/${this.#name}`];
  }

  #file(kind: keyof typeof FILES): string {
    const hierarchy = V1 ? `${kind.startsWith('pids') ? 'pids' : 'memory'}/` : '';
    return `${ROOT}/${hierarchy}${this.#name}/${FILES[kind]}`;
  }

  /** A shell command by which its shell joins. */
  get join(): string {
    return this.#folders.map((folder) => `echo $$ >${folder}/cgroup.procs`).join(' && ');
  }

  /** So many more processes and threads than there are now; undefined: no limit. */
  limitProcesses(more: number | undefined): void {
    const now = Number(readFileSync(this.#file('pidsNow'), 'utf8'));
    writeFileSync(this.#file('pids'), more === undefined ? 'max' : String(now + more));
  }

  /** So many more bytes than there are now; undefined: no limit. */
  limitMemory(more: number | undefined): void {
    const now = Number(readFileSync(this.#file('memoryNow'), 'utf8'));
    const none = V1 ? '-1' : 'max';
    try {
      writeFileSync(this.#file('memory'), more === undefined ? none : String(now + more));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EBUSY') throw error; // more by now
    }
  }

  /** Processes that are in it. */
  get members(): number[] {
    const [folder] = this.#folders;
    return readFileSync(`${folder}/cgroup.procs`, 'utf8').split('\n').filter(Boolean).map(Number);
  }

  remove(): void {
    for (const folder of this.#folders) if (existsSync(folder)) rmdirSync(folder);
  }
}
