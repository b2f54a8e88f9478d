import { JsonError, parseExactJson } from './exact-json.js';
import type { Job } from './job.js';
import { type JobSpecOptions, readJobSpec } from './job-spec.js';
import { andMore, formatPath, formatProblem, type PathSegment } from './problem.js';
import { MAX_SPEC_BYTES } from './spec-limits.js';
import { type Place, type ReadText, readYaml } from './yaml-text.js';

/** YAML is written by hand, and its parser is slow: seconds for this much. */
const MAX_YAML_BYTES = 1024 * 1024;
/** Up to here it is asked where in a JSON text something is. */
const MAX_PLACED_BYTES = 256 * 1024;

/** The job, or the first problems, each as `name:line:col: path: problem`, and how many more there are. */
export type ParsedFile =
  | { readonly ok: true; readonly value: Job }
  | { readonly ok: false; readonly problems: readonly string[] };

/**
 * Reads a job file, YAML or JSON.
 *
 * @param name what messages call the file.
 */
export function parseJobFile(text: string, name: string, options: JobSpecOptions): ParsedFile {
  const read = readText(text);
  if (!read.ok) {
    return fail(
      read.first.map(({ problem, line, col }) => `${name}:${line}:${col}: ${problem}`),
      read.more,
    );
  }
  if (read.value === null) return fail([`${name}:1:1: empty: not a job file`], 0);
  const parsed = readJobSpec(read.value, options);
  if (parsed.ok) return parsed;
  return fail(
    parsed.first.map(({ segments, problem }) => {
      const { line, col } = read.place(segments);
      return `${name}:${line}:${col}: ${formatProblem({ path: formatPath(segments), problem })}`;
    }),
    parsed.more,
  );

  function fail(first: readonly string[], more: number): ParsedFile {
    return { ok: false, problems: more > 0 ? [...first, `${name}: ${andMore(more)}`] : first };
  }
}

function readText(given: string): ReadText {
  // A byte order mark is no part of the document.
  const text = given.replace(/^\uFEFF/, '');
  const bytes = Buffer.byteLength(text);
  const isJson = text.trimStart().startsWith('{');
  if (bytes > (isJson ? MAX_SPEC_BYTES : MAX_YAML_BYTES)) {
    const limit = (isJson ? MAX_SPEC_BYTES : MAX_YAML_BYTES) / 1024 ** 2;
    return refused(`larger than ${limit} MiB: not a job file`, START);
  }
  if (!isJson) return readYaml(text);
  try {
    return { ok: true, value: parseExactJson(text), place: placeIn(text, bytes) };
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    // A flow mapping of YAML begins like JSON.
    if (error.isSyntax && bytes <= MAX_YAML_BYTES) return readYaml(text);
    return refused(error.message, placeOf(text, error.offset));
  }
}

const START: Place = { line: 1, col: 1 };

function refused(problem: string, place: Place): ReadText {
  return { ok: false, first: [{ problem, ...place }], more: 0 };
}

// JSON is YAML, whose reader knows places. It is asked only where something is wrong.
function placeIn(text: string, bytes: number): (segments: readonly PathSegment[]) => Place {
  let read: ReadText | undefined;
  return (segments) => {
    if (bytes > MAX_PLACED_BYTES) return START;
    read ??= readYaml(text);
    return read.ok ? read.place(segments) : START;
  };
}

function placeOf(text: string, offset: number): Place {
  const before = text.slice(0, offset);
  return { line: before.split('\n').length, col: offset - before.lastIndexOf('\n') };
}
