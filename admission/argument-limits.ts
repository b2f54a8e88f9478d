import type { LocatedProblem, PathSegment } from './problem.js';

/** Longest path of a program, bytes: PATH_MAX of Linux without its NUL. runc repeats it twice in an error that it writes
 * into a pipe of 64 KiB, and one of 33,000 bytes keeps it, and the engine's lock on the container, for ever. */
export const MAX_PROGRAM = 4095;
/** Longest single argument or variable, bytes: MAX_ARG_STRLEN of Linux without its NUL. */
const MAX_TEXT = 131_071;
/**
 * Command, entrypoint and environment together, bytes. Linux gives a program 2 MiB for both (a quarter of its stack), and
 * engines repeat the command of each container in every list, so that it costs all others something.
 */
const MAX_TOTAL = 256 << 10;
/** What Linux counts for each text beside its bytes: a NUL and a pointer. */
const EACH = 9;

/**
 * What is too long in what a container is started with, in `Engine.Params` and `Env` of a task.
 *
 * @returns problems with paths below the task
 */
export function argumentProblems(
  task: { readonly Env?: unknown },
  params: Record<string, unknown>,
): LocatedProblem[] {
  const problems: LocatedProblem[] = [];
  let total = 0;
  const count = (text: string, segments: readonly PathSegment[], max = MAX_TEXT) => {
    const bytes = Buffer.byteLength(text);
    total += bytes + EACH;
    if (bytes > max) {
      problems.push({
        segments,
        problem: `has ${bytes} bytes: at most ${max} are possible`,
      });
    }
  };
  for (const field of ['Entrypoint', 'Parameters', 'EnvironmentVariables'] as const) {
    const list = params[field];
    for (const [index, text] of (Array.isArray(list) ? list : []).entries()) {
      if (typeof text !== 'string') continue;
      const isProgram = field === 'Entrypoint' && index === 0;
      count(text, ['Engine', 'Params', field, index], isProgram ? MAX_PROGRAM : MAX_TEXT);
    }
  }
  if (typeof task.Env === 'object' && task.Env !== null) {
    for (const [name, value] of Object.entries(task.Env)) count(`${name}=${value}`, ['Env', name]);
  }
  if (total > MAX_TOTAL) {
    problems.push({
      segments: ['Engine', 'Params'],
      problem: `command and environment have ${total} bytes: at most ${MAX_TOTAL} are possible; put more into a file`,
    });
  }
  return problems;
}
