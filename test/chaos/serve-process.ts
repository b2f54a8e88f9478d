import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { CLI } from '../support/engine.js';
import { type Answer, type AskOptions, ask } from '../support/serve.js';
import { Cgroup } from './cgroup.js';
import { now, waitFor } from './now.js';

/** As jobgate.service has it: RestartSec, TimeoutStopSec. */
const RESTART_MS = 200;
const STOP_MS = 45_000;
const ASK_MS = 60_000;
const KEPT_LINES = 2_000;

/** A serve that is started again whenever it ends, as systemd does. */
export class ServeProcess {
  /** Of gateways that it opens; what it finds, it opens where it was. Holds from its next start on. */
  placement: 'host' | 'container' = 'container';
  readonly socket: string;
  readonly gateSocket: string;
  readonly state: string;
  readonly cgroup: Cgroup;
  readonly #clock: string;
  readonly #command: string[];
  /** The last that it said. */
  readonly log: string[] = [];
  /** Times at which it was started, ms of `now`. */
  readonly starts: number[] = [];
  /** Workers that ended, as its log says, ms of `now`. */
  readonly workerEnds: number[] = [];
  #child: ChildProcess | undefined;
  #ended: Promise<unknown> = Promise.resolve();
  #stopping = false;

  /** @param folder where it has all of its own */
  constructor(folder: string, options: readonly string[]) {
    const own = `${folder}/serve`;
    this.state = `${own}/state`;
    mkdirSync(this.state, { recursive: true });
    this.socket = `${own}/api.sock`;
    this.gateSocket = `${own}/docker.sock`;
    this.#clock = `${own}/clock`;
    writeFileSync(this.#clock, '0');
    this.cgroup = new Cgroup(`jobgate-chaos-${process.pid}`);
    this.#command = [
      ...[
        process.execPath,
        CLI,
        'serve',
        '--listen',
        `unix:${this.socket}`,
        '--gate',
        `unix://${this.gateSocket}`,
      ],
      ...['--state-directory', this.state, '--log-format', 'json', '--workers', '2', ...options],
    ];
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  start(): void {
    const clock = new URL('fake-clock.mjs', import.meta.url).href;
    const own = {
      JOBGATE_GATEWAY: this.placement,
      NODE_OPTIONS: `--import=${clock}`,
      CHAOS_CLOCK: this.#clock,
    };
    const env = { ...process.env, ...own };
    const child = spawn('sh', ['-c', `${this.cgroup.join} && exec "$@"`, 'sh', ...this.#command], {
      env,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.#child = child;
    this.starts.push(now());
    createInterface({ input: child.stderr }).on('line', (line) => this.#take(line));
    this.#ended = new Promise((resolve) => {
      child.once('exit', (code, signal) => {
        this.#take(`serve ended: ${signal ?? code}`);
        resolve(undefined);
        if (!this.#stopping) setTimeout(() => this.#stopping || this.start(), RESTART_MS);
      });
    });
  }

  #take(line: string): void {
    if (/a worker ended|a gateway's container ended/.test(line)) this.workerEnds.push(now());
    if (/"event":"(decision|closed)"/.test(line)) return;
    this.log.push(line);
    if (this.log.length > KEPT_LINES) this.log.shift();
  }

  signal(name: NodeJS.Signals): void {
    this.#child?.kill(name);
    if (name !== 'SIGTERM') return;
    const { pid } = this;
    setTimeout(() => pid === this.pid && this.#child?.kill('SIGKILL'), STOP_MS).unref();
  }

  /** Of the processes of its proxies on the host. */
  workers(): number[] {
    return this.cgroup.members.filter((pid) => commandOf(pid).includes('worker-main'));
  }

  setClock(offsetMs: number): void {
    writeFileSync(this.#clock, String(offsetMs));
  }

  async ask(path: string, options?: AskOptions): Promise<Answer> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`no answer to ${path} for ${ASK_MS} ms`)), ASK_MS);
    });
    return Promise.race([ask(this.socket, path, options), late]).finally(() => clearTimeout(timer));
  }

  /** The same; undefined where it does not answer. */
  tryAsk(path: string, options?: AskOptions): Promise<Answer | undefined> {
    return this.ask(path, options).catch(() => undefined);
  }

  /** Descriptors and resident bytes of the control plane. */
  size(): { descriptors: number; memory: number } {
    const resident = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${this.pid}/status`, 'utf8'))?.[1];
    return { descriptors: readdirSync(`/proc/${this.pid}/fd`).length, memory: Number(resident) * 1024 };
  }

  /** SIGTERM, for good. Gives its exit code. */
  async stop(): Promise<number | null> {
    this.#stopping = true;
    this.signal('SIGCONT');
    this.signal('SIGTERM');
    await this.#ended;
    return this.#child?.exitCode ?? null;
  }

  /** SIGTERM, and once more what it is started with. @returns whether it is ready in time */
  async placeAt(placement: 'host' | 'container', withinMs: number): Promise<boolean> {
    this.placement = placement;
    const { pid } = this;
    this.signal('SIGTERM');
    const ready = async () => this.pid !== pid && (await this.isReady());
    return waitFor(ready, withinMs);
  }

  async isReady(): Promise<boolean> {
    return (await this.tryAsk('/readyz'))?.status === 200;
  }
}

export function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  } catch {
    return ''; // gone
  }
}

export const AGENT = fileURLToPath(new URL('agent.cjs', import.meta.url));
