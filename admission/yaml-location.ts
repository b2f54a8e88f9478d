import { type Document, isMap, isNode, isScalar, isSeq, type Node } from 'yaml';
import type { PathSegment } from './problem.js';

/**
 * Where in a YAML text a path leads: the offset of the deepest part of it that is there. Keys are found in any letter
 * case.
 */
export function locate(document: Document.Parsed, path: string): number {
  let node: unknown = document.contents;
  let offset = start(node) ?? 0;
  for (const segment of segmentsOf(path)) {
    if (isSeq(node) && typeof segment === 'number') {
      node = node.items[segment];
      offset = start(node) ?? offset;
      continue;
    }
    if (!isMap(node)) break;
    const pairs = node.items.filter(
      (item) => isScalar(item.key) && same(String(item.key.value), String(segment)),
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

function same(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}

function segmentsOf(path: string): PathSegment[] {
  const segments: PathSegment[] = [];
  for (const [, name, index] of path.matchAll(/([^.[\]]+)|\[(\d+)\]/g)) {
    segments.push(name ?? Number(index));
  }
  return segments;
}
