import { spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { run } from '../support/e2e.js';
import { sleep } from './now.js';

const END_MS = 60_000;
const START_MS = 120_000;

/** The engine that test/support/engine.sh started for this run, to be ended and started again. */
export class EngineProcess {
  readonly #folder: string;
  readonly #command: string[];
  #turn: Promise<void> = Promise.resolve();

  /** @param folder JOBGATE_ENGINE_RUN */
  constructor(folder: string) {
    this.#folder = folder;
    this.#command = readFileSync(`/proc/${this.pid}/cmdline`, 'utf8').split('\0').filter(Boolean);
  }

  get pid(): number {
    return Number(readFileSync(`${this.#folder}/docker.pid`, 'utf8'));
  }

  /** Stopped for a while. */
  pause(ms: number): Promise<void> {
    return this.#inTurn(async () => {
      const { pid } = this;
      process.kill(pid, 'SIGSTOP');
      await sleep(ms);
      process.kill(pid, 'SIGCONT');
    });
  }

  /** Ended by a signal, away for a while, and back, with containers that go on meanwhile (`live-restore`) or not. */
  restart(signal: NodeJS.Signals, liveRestore: boolean, awayMs: number): Promise<void> {
    return this.#inTurn(() => this.#restart(signal, liveRestore, awayMs));
  }

  /** One thing at a time is done to it. */
  #inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => {});
    return done;
  }

  async #restart(signal: NodeJS.Signals, liveRestore: boolean, awayMs: number): Promise<void> {
    const { pid } = this;
    writeFileSync(`${this.#folder}/daemon.json`, JSON.stringify({ 'live-restore': liveRestore }));
    process.kill(pid, 'SIGHUP'); // it reads that
    await sleep(500);
    process.kill(pid, signal);
    for (const end = Date.now() + END_MS; isThere(pid); await sleep(100)) {
      if (Date.now() > end) process.kill(pid, 'SIGKILL');
    }
    await sleep(awayMs);
    // Killed, it leaves the file of a containerd that ended with it, and waits for that.
    for (const file of ['docker.pid', 'exec/containerd/containerd.pid'])
      rmSync(`${this.#folder}/${file}`, { force: true });
    this.#start();
    await this.ready();
  }

  #start(): void {
    const log = openSync(`${this.#folder}/dockerd.log`, 'a');
    const [file = '', ...args] = this.#command;
    spawn(file, args, { stdio: ['ignore', log, log], detached: true }).unref();
    closeSync(log);
  }

  /** @throws where it does not answer within two minutes */
  async ready(): Promise<void> {
    for (const end = Date.now() + START_MS; ; await sleep(200)) {
      if ((await run('docker', ['version'], { timeoutMs: 10_000 })).code === 0) return;
      if (Date.now() > end) {
        const log = readFileSync(`${this.#folder}/dockerd.log`, 'utf8');
        throw new Error(`the engine does not answer: ${log.slice(-2_000)}`);
      }
    }
  }
}

/** Not its ashes: nobody may be there who asks how it ended. */
function isThere(pid: number): boolean {
  if (!existsSync(`/proc/${pid}`)) return false;
  return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
}
