import { relative } from 'node:path';
import { checkSync } from 'recheck';
import { findPatterns, type Pattern } from './find-patterns.js';

// In this process and in JavaScript: what needs a JVM or a binary of the platform is not the same everywhere.
process.env.RECHECK_SYNC_BACKEND = 'pure';

/** ms for one pattern; all of the product take half a minute, on a busy machine several. */
const TIMEOUT = 300_000;
/** `// bounded: 300 bytes`: how long the text that meets the pattern of the next line is at most. */
const BOUNDED = /^\s*\/\/ bounded: (\d{1,6}) bytes\b/;
/** Steps of the matcher; some milliseconds. */
const MAX_STEPS = 10_000_000;

/** What is wrong with the regular expressions of the files that a TypeScript configuration includes, a line for each. */
export function checkPatterns(config: string): string[] {
  const verdicts = new Map<string, Verdict>();
  return findPatterns(config).flatMap((pattern) => {
    const problem = problemOf(pattern, verdicts);
    const where = `${relative(process.cwd(), pattern.file)}:${pattern.line}`;
    return problem === undefined ? [] : [`${where} ${pattern.text} ${problem}`];
  });
}

interface Verdict {
  /** Undefined where time grows with length only, Infinity where it doubles with each letter. */
  readonly degree?: number;
  readonly problem?: string;
}

function problemOf({ regex, above }: Pattern, verdicts: Map<string, Verdict>): string | undefined {
  if (regex === undefined)
    return 'is not a constant, so that nothing can be said of it: write the pattern out';
  const key = `/${regex.source}/${regex.flags}`;
  const { degree, problem } = verdicts.get(key) ?? judge(regex);
  verdicts.set(key, { ...(degree && { degree }), ...(problem && { problem }) });
  const bound = BOUNDED.exec(above)?.[1];
  if (degree === undefined || bound === undefined) return problem;
  return Number(bound) ** degree <= MAX_STEPS
    ? undefined
    : `${problem}; ${bound} bytes are too many for that`;
}

function judge({ source, flags }: { source: string; flags: string }): Verdict {
  // Without a repetition there is nothing that grows.
  if (!/[*+{]/.test(source)) return {};
  const result = checkSync(source, flags, { timeout: TIMEOUT });
  if (result.status === 'safe') return {};
  if (result.status === 'unknown') {
    const why = 'message' in result.error ? result.error.message : result.error.kind;
    return { degree: Number.POSITIVE_INFINITY, problem: `cannot be judged: ${why}` };
  }
  const { complexity, attack } = result;
  return {
    degree: complexity.type === 'polynomial' ? complexity.degree : Number.POSITIVE_INFINITY,
    problem: `takes ${complexity.type === 'polynomial' ? `time that grows with length to the power of ${complexity.degree}` : 'exponential time'} on ${attack.pattern}`,
  };
}
