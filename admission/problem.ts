import { stringifyExact } from './stringify-exact.js';

/** Something wrong in a job spec. */
export interface SpecProblem {
  /** Where, in the spec's own words: `Tasks[0].Network.Domains[1]`; empty for the whole. */
  readonly path: string;
  /** What is wrong and what to write instead; one line. */
  readonly problem: string;
}

export type PathSegment = string | number;

/** Characters of a name or a value that a message repeats. */
const MAX_SHOWN = 80;

/** `['Tasks', 0, 'Network']` → `Tasks[0].Network` */
export function formatPath(segments: readonly PathSegment[]): string {
  let text = '';
  for (const segment of segments) {
    if (typeof segment === 'number') text += `[${segment}]`;
    else text += `${text === '' ? '' : '.'}${shown(segment)}`;
  }
  return text;
}

/** `path: problem`, or the problem alone where it concerns the whole. */
export function formatProblem({ path, problem }: SpecProblem): string {
  return path === '' ? problem : `${path}: ${problem}`;
}

/** A value for a message: quoted, on one line, cut. */
export function quote(value: unknown): string {
  return shown(stringifyExact(value) ?? String(value));
}

/** A text for a message: cut, and with nothing in it that a terminal would obey or not show. */
export function shown(text: string): string {
  const cut = text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN - 3)}...` : text;
  return cut.replaceAll(/\p{C}/gu, (sign) => `\\u{${sign.codePointAt(0)?.toString(16)}}`);
}

/** A problem with the steps to the place where it was found. */
export interface LocatedProblem {
  readonly segments: readonly PathSegment[];
  readonly problem: string;
}

/** Problems that are told one by one. */
export const MAX_PROBLEMS = 20;

/** Collects what is wrong: keeps the first problems, each once, and counts the rest. */
export class Problems {
  /** By its text. */
  readonly #first = new Map<string, LocatedProblem>();
  #more = 0;

  add(segments: readonly PathSegment[], problem: string): void {
    if (this.isFull) this.#more++;
    else this.#first.set(`${formatPath(segments)} ${problem}`, { segments, problem });
  }

  /** Takes over what another one has, at the places that `to` makes of its own. */
  addAll(problems: Problems, to: (segments: readonly PathSegment[]) => readonly PathSegment[]): void {
    for (const { segments, problem } of problems.first) this.add(to(segments), problem);
    this.addUntold(problems.more);
  }

  /** Counts what is not told any more. */
  addUntold(count: number): void {
    this.#more += count;
  }

  get first(): readonly LocatedProblem[] {
    return [...this.#first.values()];
  }

  /** Those that are only counted. */
  get more(): number {
    return this.#more;
  }

  get areNone(): boolean {
    return this.#first.size === 0;
  }

  /** No more than a count is told of what comes now. */
  get isFull(): boolean {
    return this.#first.size >= MAX_PROBLEMS;
  }
}

/** What stands in for problems that are not told one by one. */
export function andMore(count: number): string {
  return `and ${count} more problem${count === 1 ? '' : 's'}`;
}

/** What is wrong with a key that a mapping has already. */
export function twice(key: string): string {
  return `the key ${quote(key)} is there twice: keep one of them`;
}
