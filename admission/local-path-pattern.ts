import { isAbsolute } from 'node:path';

/** Paths of the node, as the reference's `AllowListedLocalPaths` names them. */
export interface LocalPathPattern {
  /** The part before the first segment with a wildcard. */
  readonly prefix: string;
  /** What follows it, segment by segment; empty where the prefix is the one path that is meant. */
  readonly rest: readonly string[];
  readonly writable: boolean;
}

/**
 * Reads `/path`, `/path/**` and what else has `*` and `?` within segments, with `:ro` or `:rw` behind. Undefined for
 * what grants nothing here: relative paths, and the reference's `[…]`, `{…}` and `\`.
 */
export function parseLocalPathPattern(text: string): LocalPathPattern | undefined {
  const [, path = '', mode = 'ro'] = /^(.*?)(?::(ro|rw))?$/s.exec(text) ?? [];
  if (!isAbsolute(path) || /[[\]{}\\\0]/.test(path)) return undefined;
  const segments = path.split('/').filter((segment) => segment !== '');
  if (segments.includes('..') || segments.includes('.')) return undefined;
  const found = segments.findIndex((segment) => /[*?]/.test(segment));
  const literal = found < 0 ? segments.length : found;
  return {
    prefix: `/${segments.slice(0, literal).join('/')}`,
    rest: segments.slice(literal),
    writable: mode === 'rw',
  };
}

/** Whether a path is one that is meant; `prefix` is where the pattern's own really leads. */
export function matchesPattern(path: string, { rest }: LocalPathPattern, prefix: string): boolean {
  const below = prefix === '/' ? '' : prefix;
  if (path !== prefix && !path.startsWith(`${below}/`)) return false;
  const segments = path
    .slice(below.length)
    .split('/')
    .filter((segment) => segment !== '');
  return matchesList(segments, rest, '**', (segment, pattern) =>
    matchesList([...segment], [...pattern], '*', (sign, wanted) => wanted === '?' || wanted === sign),
  );
}

/** A list against one in which `any` stands for any number: in time that grows with the product of both lengths. */
function matchesList(
  list: readonly string[],
  pattern: readonly string[],
  any: string,
  matchesOne: (item: string, wanted: string) => boolean,
): boolean {
  let [at, wanted, backAt, backWanted] = [0, 0, 0, -1];
  while (at < list.length) {
    const next = pattern[wanted];
    if (next === any) {
      [backAt, backWanted] = [at, ++wanted];
    } else if (next !== undefined && matchesOne(list[at] as string, next)) {
      at++;
      wanted++;
    } else if (backWanted >= 0) {
      at = ++backAt;
      wanted = backWanted;
    } else return false;
  }
  return pattern.slice(wanted).every((left) => left === any);
}
