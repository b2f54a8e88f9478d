import { type Document, isMap, isNode, isScalar, isSeq, type Node } from 'yaml';
import { fold } from './fold.js';
import type { PathSegment } from './problem.js';

/**
 * Where in a YAML text a path leads: the offset of the deepest part of it that is there. Keys are found in any letter
 * case.
 */
export function locate(document: Document.Parsed, segments: readonly PathSegment[]): number {
  let node: unknown = document.contents;
  let offset = start(node) ?? 0;
  for (const segment of segments) {
    if (isSeq(node) && typeof segment === 'number') {
      node = node.items[segment];
      offset = start(node) ?? offset;
      continue;
    }
    if (!isMap(node)) break;
    const pairs = node.items.filter(
      (item) => isScalar(item.key) && fold(String(item.key.value)) === fold(String(segment)),
    );
    // Of two spellings, the exact one.
    const pair = pairs.find((item) => isScalar(item.key) && item.key.value === segment) ?? pairs[0];
    if (!pair) break;
    offset = start(pair.key) ?? offset;
    node = pair.value;
    // A value is where the problem is; a mapping or a list is found by its key.
    if (isScalar(node)) offset = start(node) ?? offset;
  }
  return offset;
}

function start(node: unknown): number | undefined {
  return isNode(node) ? (node as Node).range?.[0] : undefined;
}
