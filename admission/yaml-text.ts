import {
  type Alias,
  Composer,
  type CST,
  type Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  Parser,
  type Scalar,
  visit,
  type YAMLMap,
} from 'yaml';
import { exactNumber } from './exact-json.js';
import { MAX_PROBLEMS, type PathSegment, quote, twice } from './problem.js';
import { SpecBudget } from './spec-limits.js';
import { locate } from './yaml-location.js';

export interface Place {
  readonly line: number;
  readonly col: number;
}

/** What a text says, or the first things that are wrong with it, and how many more there are. */
export type ReadText =
  | { readonly ok: true; readonly value: unknown; place(segments: readonly PathSegment[]): Place }
  | { readonly ok: false; readonly first: readonly (Place & { problem: string })[]; readonly more: number };

/**
 * Reads YAML as the reference does: merge keys (`<<`) are merged, and what stands beside one beats what it merges. A
 * key that stands twice is refused. Aliases and merges count as what they stand for, so that a small text cannot become
 * a large value.
 */
export function readYaml(text: string): ReadText {
  const lines = new LineCounter();
  const fail = (first: readonly { problem: string; offset: number }[], count = first.length): ReadText => ({
    ok: false,
    first: first.map(({ problem, offset }) => ({ problem, ...lines.linePos(offset) })),
    more: count - first.length,
  });
  try {
    const document = compose(text, lines);
    const { errors } = document;
    if (errors.length > 0) {
      const first = errors.slice(0, MAX_PROBLEMS);
      return fail(
        first.map(({ message, pos }) => ({ problem: oneLine(message), offset: pos[0] })),
        errors.length,
      );
    }
    const value = new Values(document).value;
    return { ok: true, value, place: (segments) => lines.linePos(locate(document, segments)) };
  } catch (error) {
    if (error instanceof YamlProblem) return fail([{ problem: error.message, offset: error.offset }]);
    throw error;
  }
}

/** Something that only this reader finds wrong. */
class YamlProblem extends Error {
  constructor(
    problem: string,
    readonly offset: number,
  ) {
    super(problem);
  }
}

// The parser's first stage knows no recursion; the second one does, and is given nothing that is deep.
function compose(text: string, lines: LineCounter): Document.Parsed {
  const parser = new Parser(lines.addNewLine);
  const composer = new Composer({
    prettyErrors: false,
    lineCounter: lines,
    uniqueKeys: false, // its own search takes minutes for a mapping of a megabyte
  });
  let document: Document.Parsed | undefined;
  for (const one of composer.compose(shallow(parser.parse(text)), true, text.length)) {
    if (document) throw new YamlProblem('more than one document: a file has one job', one.range[0]);
    document = one as Document.Parsed;
  }
  if (!document) throw new YamlProblem('empty: not a job file', 0);
  const { version } = document.directives.yaml;
  // Where yes is true and 1:30 a number.
  if (version !== '1.2') throw new YamlProblem(`YAML ${version} is not read: remove the %YAML line`, 0);
  return document;
}

function* shallow(tokens: Iterable<CST.Token>): Generator<CST.Token> {
  const all = new SpecBudget();
  for (const token of tokens) {
    // Each thing that is wrong is one, too.
    if (all.spend(0) !== undefined) throw new YamlProblem('not a job file', token.offset);
    const budget = new SpecBudget();
    let level: CST.Token[] = 'value' in token && token.value ? [token.value] : [];
    for (let depth = 0; level.length > 0; depth++) {
      const problem = budget.spend(depth);
      if (problem !== undefined) throw new YamlProblem(problem, level[0]?.offset ?? 0);
      level = level.flatMap((one) =>
        'items' in one ? one.items.flatMap(({ key, value }) => [key, value].filter(isToken)) : [],
      );
    }
    yield token;
  }
}

function isToken(value: CST.Token | null | undefined): value is CST.Token {
  return value !== null && value !== undefined;
}

/** Makes plain values of a document. */
class Values {
  readonly value: unknown;
  readonly #budget = new SpecBudget();
  readonly #targets = new Map<Alias, unknown>();

  constructor(document: Document.Parsed) {
    const anchors = new Map<string, unknown>();
    visit(document, {
      Node: (_, node) => {
        // The last one of that name before it.
        if (isAlias(node)) this.#targets.set(node, anchors.get(node.source));
        else if (node.anchor) anchors.set(node.anchor, node);
      },
      Map: (_, map) => {
        checkKeys(map);
        if (map.anchor) anchors.set(map.anchor, map);
      },
    });
    this.value = this.#of(document.contents, 0);
  }

  #of(node: unknown, depth: number): unknown {
    this.#spend(node, depth);
    if (isAlias(node)) return this.#of(this.#targets.get(node), depth + 1);
    if (isSeq(node)) return node.items.map((item) => this.#of(item, depth + 1));
    if (isMap(node)) return Object.fromEntries(this.#fields(node, depth));
    if (!isScalar(node)) return null;
    const { value } = node;
    return typeof value === 'number' && node.source ? exact(value, node.source) : value;
  }

  #fields(map: YAMLMap, depth: number): Map<string, unknown> {
    const fields = new Map<string, unknown>();
    const merged: Map<string, unknown>[] = [];
    for (const { key, value } of map.items) {
      if (isMergeKey(key)) merged.push(...this.#sources(value, depth + 1));
      else fields.set(nameOf(key), this.#of(value, depth + 1));
    }
    // Of a list the first that has a key; what is written out beats all.
    for (const source of merged) {
      for (const [name, value] of source) if (!fields.has(name)) fields.set(name, value);
    }
    return fields;
  }

  // A mapping, or a list of mappings.
  #sources(node: unknown, depth: number, isItem = false): Map<string, unknown>[] {
    this.#spend(node, depth);
    const given = isAlias(node) ? this.#targets.get(node) : node;
    if (isMap(given)) return [this.#fields(given, depth)];
    if (isSeq(given) && !isItem) return given.items.flatMap((item) => this.#sources(item, depth + 1, true));
    throw new YamlProblem('<< takes a mapping or a list of mappings', offsetOf(node));
  }

  #spend(node: unknown, depth: number): void {
    const problem = this.#budget.spend(depth);
    if (problem !== undefined) throw new YamlProblem(problem, offsetOf(node));
  }
}

function checkKeys({ items }: YAMLMap): void {
  const names = new Set<string>();
  for (const { key } of items) {
    if (!isScalar(key)) throw new YamlProblem('a key must be plain text', offsetOf(key));
    const name = nameOf(key);
    if (names.has(name)) throw new YamlProblem(twice(name), offsetOf(key));
    names.add(name);
  }
}

// As properties have it: 1 and "1" are the same.
function nameOf(key: unknown): string {
  return String((key as Scalar).value ?? '');
}

/** A quoted one is a key like any other, to the reference too. */
function isMergeKey(key: unknown): boolean {
  return isScalar(key) && key.value === '<<' && key.type === 'PLAIN';
}

function exact(value: number, source: string): number | bigint {
  return Number.isInteger(value) && !Number.isSafeInteger(value) ? exactNumber(source) : value;
}

function offsetOf(node: unknown): number {
  return (isNode(node) && node.range?.[0]) || 0;
}

function oneLine(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ').trim();
  return line.length > 300 ? quote(line) : line;
}
