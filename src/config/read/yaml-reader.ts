import { type Document, isAlias, isMap, isNode, isScalar, isSeq, type Pair, type YAMLMap } from 'yaml';

/** Merges that one mapping may have behind each other, of which a mapping that merges itself has more. */
const MAX_MERGES = 50;

/** A document as the reference reads it: aliases are what they stand for, and merge keys are merged. */
export class YamlReader {
  readonly #document: Document.Parsed;
  readonly #fail: (offset: number | undefined, problem: string) => void;

  /** @param fail is told what is wrong, and where. */
  constructor(document: Document.Parsed, fail: (offset: number | undefined, problem: string) => void) {
    this.#document = document;
    this.#fail = fail;
  }

  /** What a node stands for. */
  target(node: unknown): unknown {
    if (!isAlias(node)) return node;
    const found = node.resolve(this.#document);
    if (found === undefined) this.#fail(node.range?.[0], `*${node.source} stands for nothing that is there`);
    return found ?? null;
  }

  /** The pairs of a mapping; what is written out beats what is merged, and of a list the first that has a key. */
  pairs(map: YAMLMap, depth = 0): Pair[] {
    const own = map.items.filter(({ key }) => !isMergeKey(key));
    const merged = map.items
      .filter(({ key }) => isMergeKey(key))
      .flatMap(({ key, value }) => this.#sources(value, key, depth));
    const names = new Set(own.map(nameOf));
    return [
      ...own,
      ...merged.filter((pair) => {
        const isNew = !names.has(nameOf(pair));
        names.add(nameOf(pair));
        return isNew;
      }),
    ];
  }

  /** The value of a node; null where it has none. */
  plain(node: unknown): unknown {
    if (!isNode(node)) return null;
    try {
      return node.toJS(this.#document) ?? null;
    } catch (error) {
      // Aliases that stand for too much.
      this.#fail(node.range?.[0], (error as Error).message);
      return null;
    }
  }

  #sources(value: unknown, key: unknown, depth: number): Pair[] {
    const given = this.target(value);
    if (depth >= MAX_MERGES) {
      this.#fail(isNode(key) ? key.range?.[0] : undefined, '<< merges too much');
      return [];
    }
    if (isMap(given)) return this.pairs(given, depth + 1);
    if (isSeq(given)) return given.items.flatMap((item) => this.#sources(item, key, depth + 1));
    this.#fail(isNode(key) ? key.range?.[0] : undefined, '<< takes a mapping or a list of mappings');
    return [];
  }
}

function isMergeKey(key: unknown): boolean {
  return isScalar(key) && key.value === '<<' && key.type === 'PLAIN';
}

function nameOf({ key }: Pair): string {
  return String(isScalar(key) ? key.value : key).toLowerCase();
}
