import { type Profiler, Session } from 'node:inspector';

/** Beginnings and ends of code, in order, none in another. */
type Ranges = readonly (readonly [start: number, end: number])[];

/** What ran: for each function that did, the parts of it that did not. */
export type Taken = ReadonlyMap<string, Ranges>;

/**
 * Which code runs, by V8's own coverage, block by block: it needs no instrumented build, and every supported Node has it. The
 * fuzzers of the registry do not run everywhere: that of jazzer.js comes as a binary which wants a newer glibc than Debian 12
 * has, and the others read no JavaScript of today.
 *
 * Blocks are told of functions that run for the first time after this was made, whole functions of others: so it is made
 * before what is meant is loaded, and once in a process.
 */
export class Coverage implements Disposable {
  readonly #session = new Session();
  readonly #isMeant: (url: string) => boolean;

  /** @param isMeant whether the code of a script counts, by its URL */
  constructor(isMeant: (url: string) => boolean) {
    this.#isMeant = isMeant;
    this.#session.connect();
    this.#ask('Profiler.enable');
    this.#ask('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  }

  /** What ran since the last call. */
  take(): Taken {
    const { result } = this.#ask('Profiler.takePreciseCoverage') as Profiler.TakePreciseCoverageReturnType;
    const taken = new Map<string, Ranges>();
    for (const { url, functions } of result) {
      if (!this.#isMeant(url)) continue;
      for (const { ranges } of functions) {
        const [whole] = ranges;
        if (whole === undefined || whole.count === 0) continue;
        taken.set(`${url}:${whole.startOffset}:${whole.endOffset}`, skipped(ranges));
      }
    }
    return taken;
  }

  [Symbol.dispose](): void {
    this.#ask('Profiler.stopPreciseCoverage');
    this.#session.disconnect();
  }

  /** The inspector answers its own process before `post` returns. */
  #ask(method: string, parameters: object = {}): unknown {
    let answer: { error: Error | null; result?: unknown } | undefined;
    this.#session.post(method, parameters, (error, result) => {
      answer = { error, result };
    });
    if (answer === undefined) throw new Error(`${method} was not answered at once`);
    if (answer.error) throw answer.error;
    return answer.result;
  }
}

/** All that has ever run. */
export class Reached {
  readonly #missing = new Map<string, Ranges>();

  /** Whether something of it never ran before. */
  isNew(taken: Taken): boolean {
    for (const [code, ranges] of taken) {
      const missing = this.#missing.get(code);
      if (missing === undefined || lengthOf(common(missing, ranges)) < lengthOf(missing)) return true;
    }
    return false;
  }

  add(taken: Taken): void {
    for (const [code, ranges] of taken) {
      const missing = this.#missing.get(code);
      this.#missing.set(code, missing === undefined ? ranges : common(missing, ranges));
    }
  }
}

/** The parts that ran not once. Inner ranges come behind outer ones, and count. */
function skipped(ranges: readonly Profiler.CoverageRange[]): Ranges {
  const parts: [number, number][] = [];
  for (const { startOffset, endOffset, count } of ranges) {
    const last = parts.at(-1);
    if (count === 0 && (last === undefined || startOffset >= last[1])) parts.push([startOffset, endOffset]);
  }
  return parts;
}

function common(one: Ranges, other: Ranges): Ranges {
  const both: [number, number][] = [];
  for (let i = 0, k = 0; i < one.length && k < other.length; ) {
    const [a, b] = [one[i], other[k]] as [Ranges[number], Ranges[number]];
    const start = Math.max(a[0], b[0]);
    const end = Math.min(a[1], b[1]);
    if (start < end) both.push([start, end]);
    if (a[1] < b[1]) i++;
    else k++;
  }
  return both;
}

const lengthOf = (ranges: Ranges) => ranges.reduce((sum, [start, end]) => sum + end - start, 0);
