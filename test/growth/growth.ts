import { cpuOf } from '../support/growth.js';
import { type NearMiss, textOf } from './near-misses.js';

/** One that reads what others wrote. */
export interface Reader {
  readonly name: string;
  /** Takes the text to its end, or refuses it: by what it gives or throws. */
  readonly read: (text: string) => unknown;
  /** Texts that it takes, or nearly; near-misses are made of them. */
  readonly seeds: readonly string[];
  /** Letters of the longest near-miss; default 64 Ki. */
  readonly longest?: number;
  /** Near-misses; default 40. */
  readonly count?: number;
}

/** Repetitions. From few, and in small steps at first: what doubles with each must be seen before it never ends. */
const FEWEST = 4;
const SMALL_STEP = 1.25;
/** From where on exponential time would have been seen. */
const MANY = 100;
const LARGE_STEP = 2;
/** What is compared: this many times the length. */
const STEP = 16;
/**
 * What the time may grow by, for each time that the length grows by. With STEP it is 16 where time is n², and 1 where it
 * is n; what no longer fits a cache, or has to be collected, costs a few times more once.
 */
const SLACK = 6;
/** Where growth must go on: this many times the length. */
const FURTHER = 4;
/** A time that means something, µs of CPU. */
const MEASURABLE = 2_000;
/** What any call may take, µs. */
const FLOOR = 20;

/**
 * Reads a near-miss of growing length.
 *
 * @returns where time grows with more than the length: two numbers of repetitions and their times; else undefined.
 */
export async function superlinear(
  { read, longest = 65_536 }: Reader,
  miss: NearMiss,
): Promise<string | undefined> {
  const seen: { times: number; took: number }[] = [];
  for (let times = FEWEST; times * miss.pump.length <= longest; times = more(times)) {
    const took = await cpu(read, textOf(miss, times), 1);
    const neighbour = seen.at(-1);
    seen.push({ times, took });
    if (took < MEASURABLE || neighbour === undefined) continue;
    // Exponential time shows between neighbours, and would not end at many times the length.
    const exponential = times <= 2 * MANY && tooMuch(neighbour, times, took);
    const few = exponential ? neighbour : seen.findLast((one) => one.times <= times / STEP);
    if (few === undefined || !tooMuch(few, times, took)) continue;
    // What is only dearer from some length on does not go on growing like that: an object of a thousand fields, an array
    // that V8 keeps among its large objects. A reader that refuses what is so long is quicker, and has told nothing.
    if (!exponential) {
      const here = await cpu(read, textOf(miss, times), 3);
      const further = await cpu(read, textOf(miss, times * FURTHER), 2);
      if (further > here && further < 2 * FURTHER * here) continue;
    }
    const again = await confirmed(read, miss, few.times, times);
    if (again !== undefined) return again;
  }
  return undefined;
}

const more = (times: number) => Math.ceil(times * (times < MANY ? SMALL_STEP : LARGE_STEP));

/** Only what shows again and again is the reader's own: the rest is a machine with other work. */
async function confirmed(
  read: Reader['read'],
  miss: NearMiss,
  few: number,
  many: number,
): Promise<string | undefined> {
  let said: string | undefined;
  for (let round = 0; round < 3; round++) {
    const before = { times: few, took: await cpu(read, textOf(miss, few), 5) };
    const took = await cpu(read, textOf(miss, many), 3);
    if (took < MEASURABLE || !tooMuch(before, many, took)) return undefined;
    said = `${few} repetitions take ${before.took} µs, ${many} take ${took} µs: ${JSON.stringify(miss)}`;
  }
  return said;
}

function tooMuch(before: { times: number; took: number }, times: number, took: number): boolean {
  return took > Math.max(before.took, FLOOR) * (times / before.times) * SLACK;
}

/** The least µs of CPU of some runs. */
async function cpu(read: Reader['read'], text: string, runs: number): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let run = 0; run < runs; run++) {
    const took = await cpuOf(async () => {
      try {
        await read(text);
      } catch {
        // A refusal is an answer.
      }
    });
    least = Math.min(least, took);
  }
  return least;
}
