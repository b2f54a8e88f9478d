import { type ChildProcess, spawn } from 'node:child_process';
import { PassThrough } from 'node:stream';
import type { Logger } from '../policy/logger.js';
import { PING_MS } from './link.js';
import { WORKER_ENV, workerCommand } from './worker-command.js';
import { WorkerLink } from './worker-link.js';

/** For the last words of a worker that has ended, ms: what it started may hold its pipes open. */
const LAST_WORDS_MS = 500;

/** A worker as a child process of this one. */
export class WorkerProcess {
  readonly link: WorkerLink;
  readonly #child: ChildProcess;
  readonly #logger: Logger;
  readonly #pings: NodeJS.Timeout;
  #killedFor: string | undefined;

  /** Starts it. What becomes of that, `link.ended` tells. */
  constructor(logger: Logger, main?: string) {
    this.#logger = logger;
    const [program = '', ...args] = workerCommand(main);
    // A session of its own: a Ctrl-C for this process's group must not end what is to be drained.
    const child = spawn(program, args, { detached: true, stdio: 'pipe', cwd: '/', env: WORKER_ENV });
    // First of all: without a descriptor left there are no pipes, and an error comes.
    child.on('error', (error) => {
      if (child.pid === undefined) this.#ended(`it cannot be started: ${error.message}`);
    });
    this.#child = child;
    this.link = new WorkerLink(
      child.stdin ?? new PassThrough(),
      () => this.kill('it said what nobody understands'),
      logger,
    );
    child.stdout?.pipe(this.link.stdout);
    child.stderr?.pipe(this.link.stderr);
    child.once('exit', (code, signal) => {
      const why = () => this.#ended(this.link.why ?? (signal ? `by ${signal}` : `exit code ${code}`));
      const late = setTimeout(why, LAST_WORDS_MS);
      child.once('close', () => {
        clearTimeout(late);
        why();
      });
    });
    this.#pings = setInterval(() => this.link.send({ do: 'ping' }), PING_MS).unref();
    this.unref();
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Keeps this process, as a listener in it would. */
  ref(): void {
    this.#child.ref();
  }

  /** Does not keep this process, with which it ends. */
  unref(): void {
    const { stdin, stdout, stderr } = this.#child;
    this.#child.unref();
    for (const stream of [stdin, stdout, stderr]) (stream as { unref?: () => void } | null)?.unref?.();
  }

  /** At once, with all that it started; even where it is stopped. */
  kill(why: string): void {
    const { pid, exitCode, signalCode } = this.#child;
    if (pid === undefined || exitCode !== null || signalCode !== null) return;
    this.#killedFor ??= why;
    try {
      process.kill(-pid, 'SIGKILL');
    } catch (error) {
      this.#logger.error({ pid, why, error: String(error) }, 'a worker cannot be killed');
    }
  }

  /** Lets it close what it has, and end; kills it after so many ms. */
  end(ms: number): void {
    this.#child.stdin?.end();
    setTimeout(() => this.kill('it did not end'), ms).unref();
  }

  #ended(why: string): void {
    clearInterval(this.#pings);
    this.#child.stdout?.destroy();
    this.#child.stderr?.destroy();
    this.link.settle(new Error(this.#killedFor ?? why));
  }
}
