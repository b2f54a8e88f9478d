/** What is wrong with a path that a job names, on the node or in its container; undefined where nothing is. */
export function pathProblem(path: string): string | undefined {
  if (path.includes('\0')) return 'must not contain NUL';
  if (!path.startsWith('/')) return 'must be an absolute path';
  if (path.split('/').includes('..')) return 'must not contain ..';
  return undefined;
}
