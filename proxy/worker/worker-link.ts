import type { Writable } from 'node:stream';
import { type Logger, silentLogger } from '../policy/logger.js';
import { lineSplitter } from '../util/line-splitter.js';
import type { Command, ProxyReport, Report } from './link.js';
import { MAX_REPORT, readReport } from './read-report.js';

/** Longest text of a worker's stderr that is kept, characters. */
const STDERR_MAX = 2_000;
/** Bytes that may wait for a worker that asks: policies, where it opens many gateways at once. */
const MAX_WAITING = 64 << 20;

/** What a worker reads. */
type WorkerInput = NodeJS.WritableStream & { readonly writableLength?: number };

/** The control plane's end of the link to a worker, wherever that runs. */
export class WorkerLink {
  /** Settles with why when the worker has ended, whoever ended it. */
  readonly ended: Promise<Error>;
  /** Take what the worker writes. */
  readonly stdout: Writable;
  readonly stderr: Writable;
  readonly #stdin: WorkerInput;
  readonly #proxies = new Map<number, (report: ProxyReport) => void>();
  #setEnded: (why: Error) => void = () => {};
  readonly #logger: Logger;
  #heard = 0;
  #broken: string | undefined;
  #lastWords = '';

  /** @param kill ends the worker at once: it said what is no report. */
  constructor(stdin: WorkerInput, kill: () => void, logger: Logger = silentLogger) {
    this.#logger = logger;
    this.#stdin = stdin;
    stdin.on('error', () => {}); // its end tells
    this.ended = new Promise((resolve) => {
      this.#setEnded = resolve;
    });
    this.stdout = lineSplitter((line) => this.#take(readReport(line)), MAX_REPORT);
    this.stderr = lineSplitter((line) => {
      this.#lastWords = `${this.#lastWords}${line}\n`.slice(-STDERR_MAX);
    }, MAX_REPORT);
    for (const end of [this.stdout, this.stderr]) end.on('error', kill);
  }

  /** Lines so far: a worker whose count stands still is stuck. */
  get heard(): number {
    return this.#heard;
  }

  /** It ended by its own word before it was at work: another one would do the same. */
  get cannotStart(): boolean {
    return this.#broken !== undefined && this.#heard === 1;
  }

  /** What it said of its end, or the last that it wrote of an error. */
  get why(): string | undefined {
    return (
      this.#broken ??
      this.#lastWords
        .trim()
        .split('\n')
        .findLast((line) => /error/i.test(line))
    );
  }

  /** Has the reports of a proxy told, until it is removed. */
  add(id: number, onReport: (report: ProxyReport) => void): void {
    this.#proxies.set(id, onReport);
  }

  remove(id: number): void {
    this.#proxies.delete(id);
  }

  send(command: Command): void {
    if (this.#stdin.writable) this.#stdin.write(`${JSON.stringify(command)}\n`);
  }

  /** Answers what it asked. @throws Error where it reads nothing: its answers would pile up here. */
  reply(command: Command): void {
    if ((this.#stdin.writableLength ?? 0) > MAX_WAITING) throw new Error('it does not read its answers');
    this.send(command);
  }

  /** For whoever saw the worker end. */
  settle(why: Error): void {
    this.#setEnded(why);
  }

  #take(report: Report): void {
    this.#heard++;
    if ('id' in report) this.#proxies.get(report.id)?.(report);
    else if (report.is === 'broken') this.#broken = report.message;
    else if (report.is === 'dropped') {
      const { count } = report;
      this.#logger.warn({ count }, 'events of a worker were not told: this process read too slowly');
    }
  }
}
