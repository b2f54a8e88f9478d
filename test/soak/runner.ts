import type { Figures } from '../../proxy/report/figures.js';
import { random } from '../proxy/policy/target-grammar.js';
import { RawClient } from '../support/raw-client.js';
import { Proxies } from './proxies.js';
import type { Look } from './proxy-process.js';
import type { RunOptions } from './run-options.js';
import { createWorld, type JobSide, type World } from './world.js';

/** A number from 0 to below `limit`. */
export type Below = (limit: number) => number;

/** What one scenario has: a job to be, the world, its own sequence of random numbers. */
export interface Scene {
  readonly world: World;
  readonly job: JobSide;
  readonly below: Below;
  /** A connection to the job's proxy. */
  connect(): Promise<RawClient>;
}

/** Does something as a hostile or careless job. Throws where the proxy did not do what it must. */
export interface Scenario {
  readonly name: string;
  run(scene: Scene): Promise<void>;
}

/** Thrown by scenarios. */
export class Mismatch extends Error {}

const PHASE_MS = 10_000;
/** Nothing that a client can begin takes longer, on a busy machine either: the limits of the policies are 5 s. */
const SCENARIO_MS = 60_000;
/** Waited for only while something is still there. */
const QUIET_MS = 60_000;
/** Memory may grow by so much between the first phases and the last, bytes. */
const MAX_GROWTH = 8_000_000;

/**
 * Runs scenarios against proxies in a process of their own until the time is up or something is wrong.
 *
 * @returns whether something ran, and all of it was as it must be.
 */
export async function run(
  name: string,
  scenarios: readonly Scenario[],
  concurrency: number,
  options: RunOptions,
): Promise<boolean> {
  const { ms, seed, only } = options;
  console.log(`${name}: ${only === undefined ? `${ms / 1000} s` : `scenario ${only} alone`}, --seed ${seed}`);
  const soak = new Soak(seed, scenarios, concurrency);
  const problems = await soak.run(ms, only);
  for (const problem of problems) console.error(`FAILED: ${problem}`);
  console.log(
    problems.length > 0 ? `${name}: failed, --seed ${seed}` : `${name}: nothing found; ${soak.summary()}`,
  );
  return problems.length === 0;
}

class Soak {
  readonly #problems = new Map<string, number>();
  readonly #inFlight = new Set<string>();
  readonly #looks: Look[] = [];
  readonly #began = performance.now();
  #next = 0;
  #ran = 0;

  constructor(
    private readonly seed: number,
    private readonly scenarios: readonly Scenario[],
    private readonly concurrency: number,
  ) {}

  async run(ms: number, only?: number): Promise<string[]> {
    const report = (problem: string) => this.#report(problem);
    const rejected = (error: unknown) => report(`in the generator: ${(error as Error).stack}`);
    process.on('unhandledRejection', rejected);
    await using world = await createWorld(report);
    const proxies = await Proxies.open([...world.policies], report);
    const progress = setInterval(() => this.#say(proxies), PHASE_MS);
    if (only !== undefined) {
      // What was there before it is what has to come back.
      await this.#settle(world, proxies);
      await this.#scenario(world, only);
      await this.#settle(world, proxies);
    }
    const end = only === undefined ? this.#began + ms : 0;
    while (performance.now() < end && this.#problems.size === 0) {
      const until = Math.min(end, performance.now() + PHASE_MS);
      await Promise.all(Array.from({ length: this.concurrency }, () => this.#work(world, until)));
      await this.#settle(world, proxies);
    }
    clearInterval(progress);
    this.#checkGrowth();
    this.#say(proxies);
    await proxies.close();
    process.off('unhandledRejection', rejected);
    if (this.#ran === 0) report('nothing ran: no scenario was begun');
    return [...this.#problems].map(([problem, times]) =>
      times > 1 ? `${problem} (${times} times)` : problem,
    );
  }

  /** What was used after the first phase and after the last, with nothing under way. */
  summary(): string {
    const [first, last] = [this.#looks[0], this.#looks.at(-1)];
    if (first === undefined || last === undefined) return 'nothing was measured';
    const mb = (bytes: number) => (bytes / 1e6).toFixed(1);
    return [
      `memory ${mb(first.memory)} MB at first, ${mb(last.memory)} MB at last`,
      `descriptors ${first.descriptors}, ${last.descriptors}`,
      `timers ${first.timers}, ${last.timers}`,
    ].join('; ');
  }

  async #work(world: World, until: number): Promise<void> {
    while (performance.now() < until && this.#problems.size === 0) await this.#scenario(world, this.#next++);
  }

  async #scenario(world: World, index: number): Promise<void> {
    const below = random(this.seed + index * 7919);
    // The first few numbers of neighbouring seeds are alike.
    for (let i = 0; i < 4; i++) below(2);
    const scenario = this.scenarios[below(this.scenarios.length)] as Scenario;
    const job = world.jobs[below(world.jobs.length)] as JobSide;
    const clients: RawClient[] = [];
    const connect = async () => {
      const client = await RawClient.connect(job.port);
      clients.push(client);
      return client;
    };
    const label = `${scenario.name} #${index}`;
    this.#ran++;
    this.#inFlight.add(label);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Mismatch(`still waits after ${SCENARIO_MS} ms`)), SCENARIO_MS);
    });
    try {
      await Promise.race([scenario.run({ world, job, below, connect }), late]);
    } catch (error) {
      const said = error instanceof Mismatch ? error.message : (error as Error).stack;
      const got = clients.map(({ text }) => JSON.stringify(text.slice(-200))).join(', ');
      this.#report(`${label}: ${said}; its clients got ${got}`);
    } finally {
      clearTimeout(timer);
      this.#inFlight.delete(label);
      for (const client of clients) client.socket.destroy();
    }
  }

  /** All is over: nothing may be left. */
  async #settle(world: World, proxies: Proxies): Promise<void> {
    const end = performance.now() + QUIET_MS;
    const first = this.#looks[0];
    for (let waited = false; ; ) {
      world.hangUp();
      const look = await proxies.look();
      if (look === undefined) return;
      const open = look.figures.some(
        ({ connections, tunnels, requests }) => connections + tunnels + requests > 0,
      );
      // Denied names are looked up again now and then: one look may see that, the next one not.
      const more =
        first !== undefined && (look.descriptors > first.descriptors || look.timers > first.timers);
      if ((open || more || look.cpu > 0.5) && performance.now() < end) continue;
      if (!waited) {
        // Denials that were held back come out within a second.
        await new Promise((resolve) => setTimeout(resolve, 1_100));
        waited = true;
        continue;
      }
      this.#judge(look, proxies);
      return;
    }
  }

  #judge(look: Look, { ledgers }: Proxies): void {
    const [first] = this.#looks;
    this.#looks.push(look);
    for (const [i, ledger] of ledgers.entries()) ledger.check(look.figures[i] as Figures);
    if (first && look.descriptors > first.descriptors) {
      this.#report(`${look.descriptors} descriptors, ${first.descriptors} at first`);
    }
    if (first && look.timers > first.timers) this.#report(`${look.timers} timers, ${first.timers} at first`);
    if (look.cpu > 0.5) this.#report(`the processor is busy while nothing happens: ${look.cpu.toFixed(2)}`);
  }

  #checkGrowth(): void {
    const memory = this.#looks.slice(1).map((look) => look.memory);
    const third = Math.floor(memory.length / 3);
    if (third === 0) return;
    const lowest = (part: number[]) => Math.min(...part);
    const growth = lowest(memory.slice(-third)) - lowest(memory.slice(0, third));
    if (growth > MAX_GROWTH)
      this.#report(`memory grew by ${(growth / 1e6).toFixed(1)} MB: ${memory.join(' ')}`);
  }

  #report(problem: string): void {
    const known = this.#problems.get(problem);
    if (known === undefined && this.#problems.size >= 20) return;
    if (known === undefined)
      console.error(`problem: ${problem}\n  in flight: ${[...this.#inFlight].slice(0, 12).join(', ')}`);
    this.#problems.set(problem, (known ?? 0) + 1);
  }

  #say(proxies: Proxies): void {
    const seconds = Math.round((performance.now() - this.#began) / 1000);
    const decisions = proxies.ledgers.reduce((sum, ledger) => sum + ledger.decisions, 0);
    const look = this.#looks.at(-1);
    const state = look
      ? `, ${look.descriptors} descriptors, ${(look.memory / 1e6).toFixed(1)} MB used, ${(look.rss / 1e6).toFixed(0)} MB resident`
      : '';
    console.log(`${seconds} s: ${this.#ran} scenarios, ${decisions} decisions${state}`);
  }
}
