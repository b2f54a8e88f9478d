import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** What a child answers: functions of one serialisable argument. */
export type Api = Record<string, (argument: never) => unknown>;

interface Answer {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: string;
}

export interface ChildOptions {
  /** Undefined: any. */
  readonly core: number | undefined;
  readonly nodeArgs?: readonly string[];
}

/** A process of its own, on a core of its own, that is called like an object. It ends with this process. */
export class Child<A extends Api> implements AsyncDisposable {
  readonly #process: ChildProcess;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #nextId = 1;

  constructor(file: URL, { core, nodeArgs = [] }: ChildOptions) {
    const node = ['--import', import.meta.resolve('tsx'), ...nodeArgs];
    const pinned = core === undefined ? undefined : ['-c', String(core), process.execPath];
    this.#process = fork(fileURLToPath(file), {
      execPath: pinned ? 'taskset' : process.execPath,
      execArgv: [...(pinned ?? []), ...node],
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    this.#process.on('message', (answer: Answer) => this.#waiting.get(answer.id)?.(answer));
    this.#process.once('exit', (code, signal) => {
      for (const [id, answered] of this.#waiting) answered({ id, error: `ended: ${signal ?? code}` });
    });
  }

  get pid(): number {
    return this.#process.pid as number;
  }

  call<K extends keyof A & string>(
    method: K,
    ...[argument]: Parameters<A[K]>
  ): Promise<Awaited<ReturnType<A[K]>>> {
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, ({ result, error }) => {
        this.#waiting.delete(id);
        if (error === undefined) resolve(result as Awaited<ReturnType<A[K]>>);
        else reject(new Error(`${method}: ${error}`));
      });
      this.#process.send({ id, method, argument });
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { exitCode, signalCode } = this.#process;
    if (exitCode !== null || signalCode !== null) return;
    const gone = new Promise((resolve) => this.#process.once('exit', resolve));
    this.#process.kill('SIGKILL');
    await gone;
  }
}

/** The child's side. */
export function answerCalls(api: Api): void {
  process.on('message', async ({ id, method, argument }: { id: number; method: string; argument: never }) => {
    try {
      process.send?.({ id, result: await api[method]?.(argument) });
    } catch (error) {
      process.send?.({ id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
    }
  });
  process.once('disconnect', () => process.exit());
}
