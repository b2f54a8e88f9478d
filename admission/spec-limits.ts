/** Bytes of a job spec: the reference takes 10 MB, and a node adds fields of its own. */
export const MAX_SPEC_BYTES = 16 * 1024 * 1024;
/** Levels of a spec; the reference's own fields go to ten. */
const MAX_DEPTH = 64;
/** Values of a spec, those of all levels together. */
const MAX_VALUES = 200_000;

/** Counts what a reader of specs reads. */
export class SpecBudget {
  #values = 0;

  /** What is wrong with one value more, at this depth; undefined where nothing is. */
  spend(depth: number): string | undefined {
    if (depth > MAX_DEPTH) return `nested deeper than ${MAX_DEPTH} levels: not a job spec`;
    if (++this.#values > MAX_VALUES) return `more than ${MAX_VALUES} values: not a job spec`;
    return undefined;
  }
}

/** The same for a value that a program made: level by level, so that neither depth nor a circle hurts. */
export function limitProblem(value: unknown): string | undefined {
  const budget = new SpecBudget();
  let level = [value];
  for (let depth = 0; level.length > 0; depth++) {
    const next: unknown[] = [];
    for (const one of level) {
      const problem = budget.spend(depth);
      if (problem !== undefined) return problem;
      if (typeof one !== 'object' || one === null) continue;
      for (const child of Object.values(one)) next.push(child);
    }
    level = next;
  }
  return undefined;
}
