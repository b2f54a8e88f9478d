/** Something wrong in a job spec. */
export interface Problem {
  /** Where, in the spec's own words: `Tasks[0].Network.Domains[1]`; empty for the whole. */
  readonly path: string;
  /** What is wrong and what to write instead; one line. */
  readonly problem: string;
}

export type PathSegment = string | number;

/** `['Tasks', 0, 'Network']` → `Tasks[0].Network` */
export function formatPath(segments: readonly PathSegment[]): string {
  let text = '';
  for (const segment of segments) {
    if (typeof segment === 'number') text += `[${segment}]`;
    else text += text === '' ? segment : `.${segment}`;
  }
  return text;
}

/** `path: problem`, or the problem alone where it concerns the whole. */
export function formatProblem({ path, problem }: Problem): string {
  return path === '' ? problem : `${path}: ${problem}`;
}

/** A value for a message: quoted, on one line, cut. */
export function quote(value: unknown): string {
  const text = typeof value === 'string' ? JSON.stringify(value) : String(JSON.stringify(value) ?? value);
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}

/** Problems with the path they were found at. */
export interface LocatedProblem {
  readonly segments: readonly PathSegment[];
  readonly problem: string;
}
