import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Copy } from './copy.js';
import type { Order, Ran } from './slot.js';

const SLOT = fileURLToPath(new URL('slot.ts', import.meta.url));

/** A {@link file://./slot.ts} that is started when it is needed, and anew where it had to be ended. */
export class Slot implements AsyncDisposable {
  static readonly #running = new Set<ChildProcess>();
  #child: Promise<ChildProcess> | undefined;

  /** With all that tests started. Never throws. */
  static endAll(): void {
    for (const child of Slot.#running) kill(child);
  }

  constructor(
    private readonly copy: Pick<Copy, 'root' | 'tmp'>,
    private readonly env: Readonly<Record<string, string>> = {},
    private readonly args: readonly string[] = [],
  ) {}

  /** @returns undefined where it takes longer than `withinMs`, or its process ends: nothing of it runs any more then */
  async run(order: Order, withinMs: number): Promise<Ran | undefined> {
    this.#child ??= this.#start();
    const child = await this.#child;
    let timer: NodeJS.Timeout | undefined;
    const ran = await new Promise<Ran | undefined>((resolve) => {
      timer = setTimeout(resolve, withinMs, undefined);
      child.once('exit', () => resolve(undefined));
      child.once('message', (message: Ran) => resolve(message));
      child.send(order);
    });
    clearTimeout(timer);
    child.removeAllListeners();
    if (ran === undefined) await this.#end();
    return ran;
  }

  async #start(): Promise<ChildProcess> {
    const child = fork(SLOT, this.args, {
      cwd: this.copy.root,
      execArgv: ['--import', import.meta.resolve('tsx')],
      // A group of its own, with all that tests start.
      detached: true,
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      env: { ...process.env, TMPDIR: this.copy.tmp, ...this.env },
    });
    Slot.#running.add(child);
    await new Promise((resolve, reject) => {
      child.once('message', resolve);
      child.once('exit', (code) => reject(new Error(`vitest does not start: exit code ${code}`)));
    });
    child.removeAllListeners();
    return child;
  }

  async #end(): Promise<void> {
    const child = await this.#child;
    this.#child = undefined;
    if (child === undefined) return;
    const isOver = child.exitCode !== null || child.signalCode !== null;
    const over = isOver ? undefined : new Promise((resolve) => child.once('exit', resolve));
    kill(child);
    Slot.#running.delete(child);
    await over;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#end();
  }
}

function kill({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch {
    // Nothing of it is left.
  }
}
