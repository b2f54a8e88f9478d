import { twice } from './problem.js';
import { SpecBudget } from './spec-limits.js';

/** A text that is no JSON, or none that every reader would read alike. Its callers make a problem of it. */
export class JsonError extends Error {
  override readonly name = 'JsonError';

  constructor(
    message: string,
    /** Where in the text. */
    readonly offset: number,
    /** It is no JSON at all. */
    readonly isSyntax: boolean,
  ) {
    super(message);
  }
}

/**
 * Reads JSON as `JSON.parse` does, but refuses a key that stands twice in an object, of which readers take one or the
 * other; keeps 64-bit integers, as `bigint` where a number of JavaScript cannot hold them; and is bounded in depth and
 * in values.
 *
 * @throws JsonError
 */
export function parseExactJson(text: string): unknown {
  return new Reader(text).read();
}

/** An integer of up to 64 bits with all its digits; anything else as JavaScript has it. */
export function exactNumber(text: string): number | bigint {
  const number = Number(text);
  if (Number.isSafeInteger(number) || text.length > 20 || !/^-?\d+$/.test(text)) return number;
  return BigInt(text);
}

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const LITERALS = [
  ['true', true],
  ['false', false],
  ['null', null],
] as const;

class Reader {
  readonly #text: string;
  readonly #budget = new SpecBudget();
  #at = 0;

  constructor(text: string) {
    this.#text = text;
    // A byte order mark is no part of the document.
    if (text.startsWith('\uFEFF')) this.#at = 1;
  }

  read(): unknown {
    const value = this.#value(0);
    this.#blanks();
    if (this.#at < this.#text.length) this.#fail('something follows its end');
    return value;
  }

  #value(depth: number): unknown {
    this.#blanks();
    const problem = this.#budget.spend(depth);
    if (problem !== undefined) throw new JsonError(problem, this.#at, false);
    switch (this.#text[this.#at]) {
      case '{':
        return this.#object(depth);
      case '[':
        return this.#array(depth);
      case '"':
        return this.#string();
      default:
        return this.#literal();
    }
  }

  #object(depth: number): Record<string, unknown> {
    const object: Record<string, unknown> = {};
    this.#at++;
    if (this.#next('}')) return object;
    do {
      this.#blanks();
      const start = this.#at;
      if (this.#text[start] !== '"') this.#fail('a key is missing');
      const key = this.#string();
      if (Object.hasOwn(object, key)) throw new JsonError(twice(key), start, false);
      if (!this.#next(':')) this.#fail('a colon is missing');
      const value = this.#value(depth + 1);
      if (key === '__proto__') {
        Object.defineProperty(object, key, { value, enumerable: true, writable: true, configurable: true });
      } else object[key] = value;
    } while (this.#next(','));
    if (!this.#next('}')) this.#fail('a } is missing');
    return object;
  }

  #array(depth: number): unknown[] {
    const array: unknown[] = [];
    this.#at++;
    if (this.#next(']')) return array;
    do array.push(this.#value(depth + 1));
    while (this.#next(','));
    if (!this.#next(']')) this.#fail('a ] is missing');
    return array;
  }

  #string(): string {
    const start = this.#at;
    let end = start + 1;
    for (; this.#text[end] !== '"'; end++) {
      if (end >= this.#text.length) this.#fail('a text has no end');
      if (this.#text[end] === '\\') end++;
    }
    this.#at = end + 1;
    try {
      return JSON.parse(this.#text.slice(start, this.#at)) as string;
    } catch {
      this.#at = start;
      return this.#fail('a text has characters that must be escaped, or a wrong escape');
    }
  }

  #literal(): boolean | null | number | bigint {
    for (const [word, value] of LITERALS) {
      if (!this.#text.startsWith(word, this.#at)) continue;
      this.#at += word.length;
      return value;
    }
    NUMBER.lastIndex = this.#at;
    const [number] = NUMBER.exec(this.#text) ?? this.#fail('a value is missing');
    this.#at += number.length;
    return exactNumber(number);
  }

  #blanks(): void {
    while (' \n\r\t'.includes(this.#text[this.#at] ?? 'x')) this.#at++;
  }

  #next(sign: string): boolean {
    this.#blanks();
    if (this.#text[this.#at] !== sign) return false;
    this.#at++;
    return true;
  }

  #fail(what: string): never {
    throw new JsonError(`${what} at position ${this.#at}`, this.#at, true);
  }
}
