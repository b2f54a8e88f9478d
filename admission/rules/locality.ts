import { stat } from 'node:fs/promises';
import { type Input, isLocalType, type Job } from '../job.js';
import { shown } from '../problem.js';
import { accept, listed, type Rule, refuse } from '../rule.js';

/** Whether an input is on this node already, so that nothing has to be downloaded. */
export type InputLocator = (input: Input, job: Job) => boolean | Promise<boolean>;

/** `local` accepts a job whose inputs are all here. */
export function localityRule({
  locality,
  isLocal,
}: {
  readonly locality: 'anywhere' | 'local';
  readonly isLocal: InputLocator;
}): Rule {
  return {
    name: 'locality',
    async decide(job) {
      if (locality === 'anywhere') return accept('whose inputs are anywhere');
      const here = await Promise.all(job.inputs.map(async (input) => (await isLocal(input, job)) === true));
      const missing = job.inputs.filter((_, index) => !here[index]);
      if (missing.length === 0) return accept('whose inputs are all on it');
      const targets = missing.map(({ type, target }) => `${shown(type)} for ${shown(target)}`);
      return refuse(`whose inputs are not all on it (missing: ${listed(targets)})`);
    },
  };
}

/** Local paths that exist; everything else is elsewhere. */
export async function existsHere(input: Input): Promise<boolean> {
  if (!isLocalType(input.type) || !input.source) return false;
  return stat(input.source).then(
    () => true,
    () => false,
  );
}
