import { type Document, isScalar, LineCounter, parseDocument, visit } from 'yaml';
import type { Job } from './job.js';
import { type JobSpecOptions, parseJobSpec } from './job-spec.js';
import { formatProblem, type Problem, quote } from './problem.js';
import { locate } from './yaml-location.js';

/** A job spec is a page of text; more is a mistake, or an attack on the parser. */
const MAX_BYTES = 4 * 1024 * 1024;
/** Problems that are told one by one. */
const MAX_PROBLEMS = 100;

/** The job, or all problems, each as `name:line:col: path: problem`. */
export type ParsedFile =
  | { readonly ok: true; readonly value: Job }
  | { readonly ok: false; readonly problems: readonly string[] };

/**
 * Reads a job file, YAML or JSON.
 *
 * @param name what messages call the file.
 */
export function parseJobFile(text: string, name: string, options: JobSpecOptions): ParsedFile {
  if (Buffer.byteLength(text) > MAX_BYTES) {
    return fail([at({ path: '', problem: 'larger than 4 MiB: not a job file' }, { line: 1, col: 1 })]);
  }
  const lines = new LineCounter();
  // A byte order mark is no part of the document.
  const document = parseDocument(text.replace(/^\uFEFF/, ''), {
    lineCounter: lines,
    prettyErrors: false,
    uniqueKeys: false, // the parser's own search takes minutes for a mapping of a megabyte
  });
  const errors = document.errors.length > 0 ? document.errors : repeatedKeys(document);
  if (errors.length > 0) {
    return fail(
      errors.map(({ message, pos }) => at({ path: '', problem: oneLine(message) }, lines.linePos(pos[0]))),
    );
  }
  let value: unknown;
  try {
    value = document.toJS();
  } catch (error) {
    return fail([at({ path: '', problem: oneLine((error as Error).message) }, { line: 1, col: 1 })]);
  }
  if (value === null || value === undefined)
    return fail([at({ path: '', problem: 'empty: not a job file' }, { line: 1, col: 1 })]);

  const parsed = parseJobSpec(value, options);
  if (parsed.ok) return parsed;
  // Where each one is takes a search.
  const shown = parsed.problems.slice(0, MAX_PROBLEMS);
  return fail([
    ...shown.map((problem) => at(problem, lines.linePos(locate(document, problem.path)))),
    ...(parsed.problems.length > shown.length
      ? [`${name}: and ${parsed.problems.length - shown.length} more problems`]
      : []),
  ]);

  function at(problem: Problem, { line, col }: { line: number; col: number }): string {
    return `${name}:${line}:${col}: ${formatProblem(problem)}`;
  }
}

function repeatedKeys(document: Document): { readonly message: string; readonly pos: readonly [number] }[] {
  const found: { message: string; pos: [number] }[] = [];
  visit(document, {
    Map(_, { items }) {
      const keys = new Set<unknown>();
      for (const { key } of items) {
        // What is no plain value is no field of a job spec either.
        if (!isScalar(key)) continue;
        // As properties have it: 1 and "1" are the same.
        const name = String(key.value);
        if (keys.has(name))
          found.push({ message: `Map keys must be unique: ${quote(name)}`, pos: [key.range?.[0] ?? 0] });
        keys.add(name);
      }
    },
  });
  return found;
}

function fail(problems: readonly string[]): ParsedFile {
  return { ok: false, problems };
}

function oneLine(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ').trim();
  return line.length > 300 ? quote(line) : line;
}
