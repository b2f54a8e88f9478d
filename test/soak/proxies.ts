import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { EgressPolicy } from '../../proxy/policy/policy.js';
import { Ledger } from './ledger.js';
import type { FromProxies, Look, ToProxies } from './proxy-process.js';

const PROCESS = fileURLToPath(new URL('./proxy-process.ts', import.meta.url));
/** Time for each thing that is asked of the process, ms: on a busy machine it may not have had a turn yet. */
const ANSWER_MS = 60_000;
/** Time to end once nothing keeps it, ms. */
const END_MS = 30_000;

/** The process with the proxies under test, seen from outside. */
export class Proxies {
  readonly ledgers: readonly Ledger[];
  readonly #child: ChildProcess;
  readonly #report: (problem: string) => void;
  readonly #waiting = new Map<string, (message: FromProxies) => void>();
  readonly #exited: Promise<number | null>;

  private constructor(child: ChildProcess, count: number, report: (problem: string) => void) {
    this.#child = child;
    this.#report = report;
    this.ledgers = Array.from({ length: count }, () => new Ledger(report));
    this.#exited = new Promise((resolve) => child.once('exit', resolve));
    child.on('message', (message: FromProxies) => this.#hear(message));
  }

  static async open(
    proxies: { policy: EgressPolicy; port: number }[],
    report: (problem: string) => void,
  ): Promise<Proxies> {
    const child = fork(PROCESS, { execArgv: ['--import', 'tsx', '--expose-gc'] });
    const opened = new Proxies(child, proxies.length, report);
    await opened.#ask({ do: 'open', proxies }, 'open');
    return opened;
  }

  setDenied(entries: string[]): void {
    this.#child.send({ do: 'deny', entries } satisfies ToProxies);
  }

  async look(): Promise<Look | undefined> {
    const answer = await this.#ask({ do: 'look' }, 'look');
    return answer?.did === 'look' ? answer.look : undefined;
  }

  /** Closes the proxies; nothing of them may keep their process alive then. */
  async close(): Promise<void> {
    await this.#ask({ do: 'close' }, 'close');
    const late = new Promise<'late'>((resolve) => setTimeout(resolve, END_MS, 'late').unref());
    const code = await Promise.race([this.#exited, late]);
    if (code === 0) return;
    this.#report(
      code === 'late' ? 'something keeps a process alive whose proxies are closed' : `exit code ${code}`,
    );
    this.#child.kill('SIGKILL');
  }

  async #ask(message: ToProxies, answer: FromProxies['did']): Promise<FromProxies | undefined> {
    const heard = await new Promise<FromProxies | undefined>((resolve) => {
      this.#waiting.set(answer, resolve);
      void this.#exited.then(() => resolve(undefined));
      setTimeout(() => resolve(undefined), ANSWER_MS).unref();
      this.#child.send(message, () => {});
    });
    if (heard === undefined) this.#report(`no answer to '${message.do}'`);
    return heard;
  }

  #hear(message: FromProxies): void {
    if (message.did === 'events')
      for (const { proxy, event } of message.events) this.ledgers[proxy]?.add(event);
    else if (message.did === 'problem') this.#report(message.problem);
    else this.#waiting.get(message.did)?.(message);
  }
}
