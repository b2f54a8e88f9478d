import { random } from '../proxy/policy/target-grammar.js';
import type { Below } from '../soak/runner.js';
import { Accounts } from './invariants/accounts.js';
import { Alive } from './invariants/alive.js';
import { gatewayNetworks, Left } from './invariants/left.js';
import { Limits } from './invariants/limits.js';
import { Reached } from './invariants/reached.js';
import { Steady } from './invariants/steady.js';
import { now, sleep } from './now.js';
import { Patches } from './patches.js';
import { PLANTS, type Plant, takeBack } from './plants.js';
import { scene } from './scene.js';
import { internet } from './steps/internet.js';
import { node } from './steps/node.js';
import { signals } from './steps/signals.js';
import type { Draw, Step } from './steps/step.js';
import { World } from './world.js';

export const STEPS: Readonly<Record<string, Draw>> = { ...signals, ...node, ...internet };

export interface SessionOptions {
  readonly minutes: number;
  readonly seed: number;
  readonly only: readonly string[];
  /** Faults to be planted once the minutes are over; all must be found then. */
  readonly plants: readonly string[];
  readonly patience: number;
}

const MOST_STEPS = 5;
const KEPT_STEPS = 100;
/** Lines of serve that changes of policies make. */
const ALL_THE_WHILE = /"msg":"(?:policy changed|admission: yes)"/;
const READ_MS = 200;
const QUIET_MS = 60_000;
/** Rounds in which what is planted must be found. */
const PLANTED_ROUNDS = 4;

/** One run: rounds of steps that go wrong, and after each the proof that all is well again. */
export class Session {
  readonly #options: SessionOptions;
  readonly #findings = new Map<string, { first: string; times: number }>();
  readonly #steps: string[] = [];
  readonly #began = now();
  readonly #report = (finding: string) => this.#found(finding);
  readonly #reached = new Reached(this.#report);
  readonly #limits = new Limits(this.#report);
  readonly #accounts = new Accounts(this.#report);
  readonly #alive = new Alive(this.#report);
  readonly #steady = new Steady(this.#report);
  readonly #left = new Left(this.#report);
  #world: World | undefined;
  #interrupted = false;
  #done = 0;
  #rounds = 0;
  /** What is planted by now. */
  #planted: readonly Plant[] = [];

  constructor(options: SessionOptions) {
    this.#options = options;
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(signal, () => {
        this.#interrupted = true;
      });
    }
  }

  /** @returns what was found. */
  async run(): Promise<readonly string[]> {
    const { seed, minutes, patience } = this.#options;
    await using world = await World.open({
      onOrigin: (event) => {
        this.#reached.onOrigin(event);
        this.#accounts.onOrigin(event);
      },
      onTrap: (what) => this.#reached.onTrap(what),
    });
    this.#world = world;
    this.#reached.world = world;
    const reading = setInterval(() => this.#read(world), READ_MS);
    const patches = new Patches(world, this.#reached, sequence(seed + 1));
    const patching = patches.run();
    const below = sequence(seed);
    try {
      await this.#prove(world, patches, below, [], 'at first', 60_000 * patience);
      const end = now() + minutes * 60_000;
      while (now() < end && this.#isClean) await this.#round(world, patches, below);
      if (this.#isClean) await this.#plant(world, patches, below);
      await patches.end();
      await patching;
      // What was found may be in the way of an end without left-overs.
      if (this.#isClean || this.#planted.length > 0) await this.#end(world);
    } finally {
      clearInterval(reading);
      await takeBack();
    }
    await this.#endAll(world);
    this.#say(
      `${this.#rounds} rounds, ${this.#done} steps; ${patches.done} changes of policies, ${patches.failed} refused or unanswered; ` +
        `longest until all was well again ${(this.#alive.longest / 1000).toFixed(1)} s; ${this.#limits.windows} windows, ` +
        `${this.#accounts.compared} accounts of ${(this.#accounts.bytes / 1e6).toFixed(0)} MB; most of serve ` +
        `${this.#steady.most.descriptors} descriptors, ${(this.#steady.most.memory / 1e6).toFixed(0)} MB`,
    );
    for (const why of this.#alive.renewed) this.#say(`begun anew: ${why}`);
    const found = [...this.#findings.values()];
    if (this.#planted.length > 0) return this.#missing.map(({ finds }) => `planted and not found: ${finds}`);
    return found.map(({ first, times }) => (times > 1 ? `${first} (${times} times)` : first));
  }

  get #isClean(): boolean {
    return this.#findings.size === 0 && !this.#interrupted;
  }

  /** What is planted and not found. */
  get #missing(): Plant[] {
    const found = [...this.#findings.values()];
    return this.#planted.filter(({ finds }) => !found.some(({ first }) => finds.test(first)));
  }

  async #plant(world: World, patches: Patches, below: Below): Promise<void> {
    const { plants } = this.#options;
    this.#planted = plants.map((name) => PLANTS[name] as Plant);
    if (plants.length > 0) this.#say(`planted: ${plants}`);
    for (const { now: plant } of this.#planted) await plant?.(world, patches);
    for (let i = 0; i < PLANTED_ROUNDS && this.#missing.some(({ end }) => !end); i++) {
      // Others may be a reason for what is to be found.
      await this.#round(world, patches, below, ['rules']);
    }
  }

  #read(world: World): void {
    for (const job of world.jobs.values()) {
      try {
        job.read((told) => this.#reached.onTold(job.id, told));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error; // it has just ended
      }
      this.#limits.look(job, [...world.serve.starts, ...world.serve.workerEnds]);
    }
  }

  async #round(world: World, patches: Patches, below: Below, kinds = this.#kinds): Promise<void> {
    this.#rounds++;
    // All is drawn before anything is done: the same seed has the same steps, whatever they come to.
    const steps = Array.from({ length: 1 + below(MOST_STEPS) }, () => draw(below, kinds));
    const starts = world.serve.starts.length;
    const under: Promise<void>[] = [];
    for (const { step, waitMs, together } of steps) {
      await sleep(waitMs);
      const running = this.#step(world, step);
      under.push(running);
      if (!together) await running;
    }
    await Promise.all(under);
    const names = steps.map(({ step }) => step);
    const within = Math.max(...names.map(({ withinMs }) => withinMs)) * this.#options.patience;
    const line = names.map(({ name, what }) => `${name} ${what}`).join(', ');
    await this.#prove(world, patches, below, names, line, within, world.serve.starts.length > starts);
  }

  get #kinds(): readonly string[] {
    const { only } = this.#options;
    return only.length > 0 ? only : Object.keys(STEPS);
  }

  async #step(world: World, step: Step): Promise<void> {
    this.#done++;
    this.#steps.push(`${this.#time()} ${step.name} ${step.what}`);
    if (this.#steps.length > KEPT_STEPS) this.#steps.shift();
    try {
      await step.run({ world, reached: this.#reached, patience: this.#options.patience });
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      // What it was meant for is gone.
      if (code !== 'ESRCH' && code !== 'ENOENT') this.#found(`step: ${step.name}: ${message}`);
    }
  }

  /** All is well again, and shown to be. */
  async #prove(
    world: World,
    patches: Patches,
    below: Below,
    steps: readonly Step[],
    line: string,
    withinMs: number,
    restarted = false,
  ): Promise<void> {
    const index = below(60);
    const engine = steps.some(({ name }) => name === 'engine');
    const took = await this.#alive.settle(world, withinMs, { engine, serve: restarted });
    if (took === undefined && this.#planted.length === 0) return this.#say(line);
    world.plan();
    await patches.pause(true);
    const job = [...world.jobs.values()][index % world.jobs.size];
    const problem = job && (await patches.control(job, 10_000 * this.#options.patience));
    if (problem) this.#found(`positive control: ${problem}`);
    await this.#reached.control();
    await this.#accounts.look(world, this.#planted.find(({ mix }) => mix)?.mix);
    await this.#steady.look(world, await gatewayNetworks());
    await patches.pause(false);
    this.#say(`${line} | ${took === undefined ? 'not well' : `well after ${(took / 1000).toFixed(1)} s`}`);
  }

  async #end(world: World): Promise<void> {
    const began = now();
    await world.endJobs();
    for (const { end } of this.#planted) await end?.(world);
    await this.#left.ofJobs(world);
    this.#say(`ended in ${((now() - began) / 1000).toFixed(1)} s`);
  }

  async #endAll(world: World): Promise<void> {
    if (!this.#isClean) return world.endJobs();
    const stopped = await Promise.race([world.serve.stop(), sleep(QUIET_MS).then(() => 'late')]);
    if (stopped !== 0) this.#found(`left: serve ended with ${stopped}`);
    await sleep(1_000);
    this.#left.ofAll(world);
  }

  #found(finding: string): void {
    // The same with other figures is the same.
    const key = finding.replaceAll(/\d+(\.\d+)?( of|ms| s)?\b/g, '#');
    const known = this.#findings.get(key);
    this.#findings.set(key, { first: known?.first ?? finding, times: (known?.times ?? 0) + 1 });
    if (known) return;
    this.#say(`FOUND: ${finding}`);
    if (this.#findings.size > 1) return;
    if (this.#planted.length > 0) return;
    const connected = finding.startsWith('reached') ? scene() : [];
    const { log } = this.#world?.serve ?? { log: [] };
    process.stdout.write(`  --seed ${this.#options.seed}; the last ${this.#steps.length} steps:\n`);
    for (const step of this.#steps) process.stdout.write(`    ${step}\n`);
    if (connected.length > 0) process.stdout.write('  what was connected:\n');
    for (const line of connected) process.stdout.write(`    ${line}\n`);
    process.stdout.write('  the last that serve said:\n');
    const told = log.filter((line) => !ALL_THE_WHILE.test(line));
    for (const line of told.slice(-60)) process.stdout.write(`    ${line.slice(0, 400)}\n`);
  }

  #time(): string {
    return `${((now() - this.#began) / 1000).toFixed(1)}s`;
  }

  #say(line: string): void {
    process.stdout.write(`${this.#time()} ${line}\n`);
  }
}

function draw(below: Below, kinds: readonly string[]): { step: Step; waitMs: number; together: boolean } {
  const name = kinds[below(kinds.length)] as string;
  const step = { name, ...(STEPS[name] as Draw)(below) };
  return { step, waitMs: below(2_000), together: below(2) === 0 };
}

/** The first few numbers of neighbouring seeds are alike. */
function sequence(seed: number): Below {
  const below = random(seed);
  for (let i = 0; i < 8; i++) below(2);
  return below;
}
