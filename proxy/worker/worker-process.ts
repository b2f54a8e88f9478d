import { type ChildProcess, spawn } from 'node:child_process';
import type { Logger } from '../policy/logger.js';
import { PING_MS } from './link.js';
import { WORKER_ENV, workerCommand } from './worker-command.js';
import { WorkerLink } from './worker-link.js';

/** A worker as a child process of this one. */
export class WorkerProcess {
  readonly link: WorkerLink;
  readonly #child: ChildProcess;
  readonly #pings: NodeJS.Timeout;
  #killedFor: string | undefined;

  /** Starts it. What becomes of that, `link.ended` tells. */
  constructor(logger: Logger, main?: string) {
    const [program = '', ...args] = workerCommand(main);
    // A session of its own: a Ctrl-C for this process's group must not end what is to be drained.
    const child = spawn(program, args, { detached: true, stdio: 'pipe', cwd: '/', env: WORKER_ENV });
    const { stdin, stdout, stderr } = child;
    this.#child = child;
    this.link = new WorkerLink(stdin, () => this.kill('it said what nobody understands'), logger);
    stdout.pipe(this.link.stdout);
    stderr.pipe(this.link.stderr);
    child.once('error', (error) => this.link.settle(new Error(`it cannot be started: ${error.message}`)));
    child.once('close', (code, signal) => {
      clearInterval(this.#pings);
      this.link.settle(
        new Error(this.#killedFor ?? this.link.why ?? (signal ? `by ${signal}` : `exit code ${code}`)),
      );
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

  /** At once; even where it is stopped. */
  kill(why: string): void {
    this.#killedFor ??= why;
    this.#child.kill('SIGKILL');
  }

  /** Lets it close what it has, and end. */
  end(): void {
    this.#child.stdin?.end();
  }
}
