import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A change to one expression or statement of a file, which some test should notice. */
export interface Mutant {
  readonly id: string;
  /** From the project's root. */
  readonly file: string;
  readonly line: number;
  /** The line that it begins in, without what is around it. */
  readonly code: string;
  /** `EqualityOperator: a < b → a <= b`. */
  readonly change: string;
}

interface Instrumented {
  readonly files: readonly { readonly name: string; readonly content: string }[];
  readonly mutants: readonly {
    readonly id: string;
    readonly fileName: string;
    readonly mutatorName: string;
    readonly replacement: string;
    /** Of those that are excluded `Ignored`. */
    readonly status?: string;
    readonly location: { readonly start: Place; readonly end: Place };
  }[];
}

interface Place {
  readonly line: number;
  readonly column: number;
}

/** What changes texts, and nothing else: what people read is not held word by word. */
const EXCLUDED = ['StringLiteral', 'ObjectLiteral', 'ArrayDeclaration'];
const LONGEST = 120;

/**
 * All mutants of some files, and the files with all of them in it: `__STRYKER_ACTIVE_MUTANT__` in the environment turns one on.
 *
 * @param instrumenter the folder of @stryker-mutator/instrumenter
 */
export async function mutantsOf(
  instrumenter: string,
  root: string,
  files: readonly string[],
): Promise<{ readonly mutants: readonly Mutant[]; readonly contents: ReadonlyMap<string, string> }> {
  const { Instrumenter } = await import(join(instrumenter, 'dist/src/index.js'));
  const silent = Object.fromEntries(
    ['trace', 'debug', 'info', 'warn', 'error', 'fatal'].map((level) => [level, () => {}]),
  );
  const sources = new Map(files.map((file) => [file, readFileSync(join(root, file), 'utf8')]));
  const instrumented: Instrumented = await new Instrumenter({
    ...silent,
    isDebugEnabled: () => false,
  }).instrument(
    [...sources].map(([name, content]) => ({ name, content, mutate: true })),
    { plugins: null, excludedMutations: EXCLUDED, ignorers: [] },
  );
  const meant = instrumented.mutants.filter(({ status }) => status !== 'Ignored');
  const mutants = meant.map(({ id, fileName, mutatorName, replacement, location }) => {
    const lines = (sources.get(fileName) ?? '').split('\n');
    const { start, end } = location;
    const first = lines[start.line] ?? '';
    const original = [first.slice(start.column), ...lines.slice(start.line + 1, end.line + 1)].join('\n');
    const cut = start.line === end.line ? first.slice(start.column, end.column) : original;
    return {
      id,
      file: fileName,
      line: start.line + 1,
      code: first.trim(),
      change: `${mutatorName}: ${short(cut)} → ${short(replacement)}`,
    };
  });
  return { mutants, contents: new Map(instrumented.files.map(({ name, content }) => [name, content])) };
}

const short = (code: string) => {
  const line = code.replaceAll(/\s+/g, ' ').trim();
  return line.length > LONGEST ? `${line.slice(0, LONGEST)}…` : line;
};
