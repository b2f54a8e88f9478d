import type { TestContext } from 'vitest';

/** Skips what this machine cannot show. CI has to show all that the threat model names: there it fails. */
export function leaveOut(context: TestContext, why: string): never {
  if (process.env.CI) throw new Error(`${why}, and CI leaves out nothing that docs/threats.md names`);
  return context.skip(why);
}
