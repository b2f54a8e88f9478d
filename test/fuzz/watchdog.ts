import { Worker } from 'node:worker_threads';

/** Processor time of one input from which on it never ends, s. */
const NEVER_S = 60;
const MOST_LETTERS = 16_384;

/** What the thread does: it has nothing to do with the code under test, and needs no loader. */
const WATCH = `
const { workerData } = require('node:worker_threads');
const { writeSync } = require('node:fs');
const [count, letters] = [new Int32Array(workerData.shared, 0, 2), new Uint16Array(workerData.shared, 8)];
const used = () => { const { user, system } = process.cpuUsage(); return (user + system) / 1e6; };
let [seen, since] = [0, used()];
setInterval(() => {
  const now = Atomics.load(count, 0);
  if (now === 0 || now !== seen) [seen, since] = [now, used()];
  else if (used() - since > workerData.seconds) {
    const input = Buffer.from(letters.buffer, 8, 2 * Atomics.load(count, 1)).toString('utf16le');
    writeSync(2, 'FAILED: time: still busy after ' + workerData.seconds + ' s of the processor, with ' + input + '\\n');
    process.kill(process.pid, 'SIGKILL');
  }
}, 500);
`;

/** Says what a process is busy with that no longer gets to say anything itself, and ends it. */
export class Watchdog implements Disposable {
  readonly #shared = new SharedArrayBuffer(8 + 2 * MOST_LETTERS);
  readonly #count = new Int32Array(this.#shared, 0, 2);
  readonly #letters = Buffer.from(this.#shared, 8);
  readonly #worker: Worker;
  #begun = 0;

  constructor(seconds = NEVER_S) {
    this.#worker = new Worker(WATCH, {
      eval: true,
      workerData: { shared: this.#shared, seconds },
      execArgv: [],
    });
    this.#worker.unref();
  }

  begin(target: string, input: string): void {
    const said = JSON.stringify({ target, input }).slice(0, MOST_LETTERS);
    this.#letters.write(said, 'utf16le');
    Atomics.store(this.#count, 1, said.length);
    this.#begun = (this.#begun % 2 ** 30) + 1;
    Atomics.store(this.#count, 0, this.#begun);
  }

  end(): void {
    Atomics.store(this.#count, 0, 0);
  }

  [Symbol.dispose](): void {
    void this.#worker.terminate();
  }
}
