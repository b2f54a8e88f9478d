import { random } from '../proxy/policy/target-grammar.js';

/** A text that can be made of any length: `pump` again and again, and around it what is nearly right. */
export interface NearMiss {
  readonly prefix: string;
  readonly pump: string;
  readonly suffix: string;
}

/** What ends a run: nothing, or a letter that no grammar has there. */
const BREAKS = ['', '', '\0', '!', '_', '\n', '\u00e9', ' '];
/** Of each kind that a grammar may tell apart. */
const RUNS = [
  ' ',
  '\t',
  'a',
  'A',
  '0',
  '.',
  ':',
  '-',
  ',',
  '/',
  '%',
  '#',
  '"',
  '[',
  '{',
  '\\',
  '\r\n',
  '\n',
  '@',
  '*',
];

/** Near-misses of what a reader takes: a part of it repeated where it is, or a long run of one letter, then a break. */
export function nearMisses(seeds: readonly string[], count: number, seed: number): NearMiss[] {
  const below = random(seed);
  const pick = <T>(list: readonly T[]) => list[below(list.length)] as T;
  return Array.from({ length: count }, (_, index) => {
    const words = wordsOf(seeds[index % seeds.length] as string);
    const kind = index % 4;
    let at = below(words.length + 1);
    let end = at + 1 + below(5);
    // A whole line.
    if (kind === 1) [at, end] = lineAround(words, at);
    const repeated = words.slice(at, end).join('');
    const pump = kind === 0 || repeated === '' ? pick(RUNS) : repeated;
    return {
      prefix: words.slice(0, at).join(''),
      pump,
      suffix: pick(BREAKS) + words.slice(at).join(''),
    };
  });
}

/** The near-misses with so many repetitions, in one piece of memory, as what arrives is. */
export function textOf({ prefix, pump, suffix }: NearMiss, times: number): string {
  return Buffer.from(prefix + pump.repeat(times) + suffix).toString();
}

/** Where letters, digits, blanks, ends of lines and signs meet. */
function wordsOf(text: string): string[] {
  return text.match(/[A-Za-z_]+|[0-9]+|[ \t]+|\r?\n|./gs) ?? [];
}

/** Where the line with a word begins and ends. */
function lineAround(words: readonly string[], at: number): [number, number] {
  const isEnd = (word: string) => word.endsWith('\n');
  return [
    words.slice(0, at).findLastIndex(isEnd) + 1,
    at + words.slice(at).findIndex(isEnd) + 1 || words.length,
  ];
}
