import { superlinear } from '../growth/growth.js';
import { nearMisses } from '../growth/near-misses.js';
import { random } from '../proxy/policy/target-grammar.js';
import { type Coverage, Reached } from './coverage.js';
import { mutatedText } from './mutate-text.js';
import { Differs, type Finding, type Target } from './target.js';
import type { Watchdog } from './watchdog.js';

export interface GuidedOptions {
  readonly seed: number;
  /** When to stop: after so many rounds, or `ms`. A run for a longer time begins with what a shorter one does. */
  readonly rounds?: number;
  readonly ms?: number;
  readonly coverage: Pick<Coverage, 'take'>;
  readonly watchdog?: Watchdog;
  readonly onFinding?: (finding: Finding) => void;
}

export interface Outcome {
  readonly findings: readonly Finding[];
  readonly rounds: number;
  readonly inputs: number;
  /** Near-misses whose time was measured. */
  readonly measured: number;
  /** Inputs that reached code which none before them did, by target. */
  readonly reached: ReadonlyMap<string, readonly string[]>;
}

/** What one call may take, ms: a promise that nothing settles, waited for in vain. */
const NEVER_MS = 300_000;
const BATCH = 50;
/** Time is measured each so many rounds: it costs as much as hundreds of inputs. */
const MEASURED_EACH = 4;

/**
 * Gives its targets inputs made of their seeds by small changes, and keeps those that reach code which none did before, to
 * change them further. The same seed makes the same inputs, as far as V8 tells the same code of them.
 */
export async function guided(targets: readonly Target[], options: GuidedOptions): Promise<Outcome> {
  const all = targets.map(
    (target, at) => new Fuzzed(target, options.seed + at * 7919, options.coverage, options.watchdog),
  );
  const began = performance.now();
  const mayGoOn = (rounds: number) =>
    rounds < (options.rounds ?? Number.POSITIVE_INFINITY) &&
    performance.now() - began < (options.ms ?? Number.POSITIVE_INFINITY);
  let rounds = 0;
  for (; mayGoOn(rounds); rounds++) {
    for (const one of all) {
      if (one.finding !== undefined || !mayGoOn(rounds)) continue;
      await one.round(rounds);
      if (one.finding) options.onFinding?.(one.finding);
    }
  }
  return {
    findings: all.flatMap(({ finding }) => finding ?? []),
    rounds,
    inputs: all.reduce((sum, { inputs }) => sum + inputs, 0),
    measured: all.reduce((sum, { measured }) => sum + measured, 0),
    reached: new Map(all.map(({ target, reached }) => [target.name, reached])),
  };
}

/** One target with what has been learnt of it. It rests once it has a finding. */
class Fuzzed {
  finding: Finding | undefined;
  inputs = 0;
  measured = 0;
  readonly #code = new Reached();
  readonly #pool: string[];
  readonly #seeds: number;

  constructor(
    readonly target: Target,
    private readonly seed: number,
    private readonly coverage: Pick<Coverage, 'take'>,
    private readonly watchdog: Watchdog | undefined,
  ) {
    this.#pool = [...target.seeds];
    this.#seeds = this.#pool.length;
  }

  get reached(): readonly string[] {
    return this.#pool.slice(this.#seeds);
  }

  async round(index: number): Promise<void> {
    const below = random(this.seed + index * 104_729);
    // The first few numbers of neighbouring seeds are alike.
    for (let i = 0; i < 4; i++) below(2);
    const { seeds, batch, mutate, overSockets } = this.target;
    const inputs =
      index === 0
        ? seeds
        : Array.from({ length: batch ?? BATCH }, () => (mutate ?? mutatedText)(this.#pool, below));
    const time = (index + this.seed) % MEASURED_EACH === 0 ? below(2 ** 31) : undefined;
    await this.#read(inputs, index > 0 && !overSockets);
    if (this.finding === undefined && time !== undefined) await this.#measure(time);
  }

  /** All at once, and one by one only where one of them reached what is new. */
  async #read(batch: readonly string[], learns: boolean): Promise<void> {
    this.coverage.take();
    for (const input of batch) {
      this.inputs++;
      this.finding = await tried(this.target, input, this.watchdog);
      if (this.finding !== undefined) return;
    }
    if (!learns) return this.#code.add(this.coverage.take());
    const taken = this.coverage.take();
    if (this.#code.isNew(taken)) {
      for (const input of batch) {
        await tried(this.target, input, this.watchdog);
        const own = this.coverage.take();
        if (!this.#code.isNew(own)) continue;
        this.#code.add(own);
        this.#pool.push(input);
      }
    }
    this.#code.add(taken);
  }

  async #measure(seed: number): Promise<void> {
    const { reader, name } = this.target;
    if (reader === undefined) return;
    const recent = this.#pool.slice(-8);
    const [miss] = nearMisses([recent[seed % recent.length] as string], 1 + (seed % 4), seed).slice(-1);
    if (miss === undefined) return;
    this.measured++;
    this.watchdog?.begin(name, JSON.stringify(miss));
    const what = await superlinear(reader, miss);
    this.watchdog?.end();
    if (what !== undefined)
      this.finding = { oracle: 'time', target: name, input: JSON.stringify(miss), what };
  }
}

/** Reads an input once. @returns what is wrong with that. */
export async function tried(
  { name, run }: Target,
  input: string,
  watchdog?: Watchdog,
): Promise<Finding | undefined> {
  watchdog?.begin(name, input);
  let timer: NodeJS.Timeout | undefined;
  try {
    const running = run(input);
    if (running instanceof Promise) {
      const late = new Promise<never>((_, reject) => {
        timer = setTimeout(() => reject(new RangeError(`nothing after ${NEVER_MS} ms`)), NEVER_MS);
      });
      await Promise.race([running, late]);
    }
    return undefined;
  } catch (error) {
    const finding = { target: name, input };
    if (error instanceof Differs) return { ...finding, oracle: 'verdict', what: error.message };
    return {
      ...finding,
      oracle: 'crash',
      what: error instanceof Error ? (error.stack ?? '') : String(error),
    };
  } finally {
    clearTimeout(timer);
    watchdog?.end();
  }
}

/** The shortest input that is made by leaving parts out, and shows the same. */
export async function shortened(target: Target, finding: Finding): Promise<Finding> {
  if (finding.oracle === 'time') return finding;
  let shortest = finding;
  for (
    let size = Math.ceil(finding.input.length / 2);
    size >= 1;
    size = size === 1 ? 0 : Math.ceil(size / 2)
  ) {
    for (let at = 0; at < shortest.input.length; ) {
      const input = shortest.input.slice(0, at) + shortest.input.slice(at + size);
      const same = await tried(target, input);
      if (same?.oracle === finding.oracle) shortest = same;
      else at += size;
    }
  }
  return shortest;
}
