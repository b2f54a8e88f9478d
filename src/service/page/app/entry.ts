import { hasEnded } from '../../../client/entries.js';
import { hrefOf } from './route.js';
import type { Entry } from './server-types.js';

/** What a person calls a job. */
export const nameOf = ({ job, gateway, run }: Entry): string => run?.name ?? gateway?.name ?? job;

/** In one word. */
export const stateOf = ({ run, gateway }: Entry): string => run?.state ?? gateway?.state ?? '';

/** Where a job has a view of its own. */
export function viewOf({ run, gateway }: Entry): string {
  return run ? hrefOf('jobs', run.id) : hrefOf('gateways', gateway?.id ?? '');
}

/** Its ids, but that one which is its name. */
export function idsOf(entry: Entry): string[] {
  const { job, execution } = entry;
  return [...new Set([job, execution])].filter(
    (id): id is string => id !== undefined && id !== nameOf(entry),
  );
}

/** Whether somebody should look at it. */
export function alarmOf({ gateway, run }: Entry): string | undefined {
  if (gateway?.containers.some(({ enforced }) => !enforced) && gateway.state !== 'closed')
    return 'not enforced';
  if (gateway?.abandonedSince !== undefined) return 'abandoned';
  return run?.state === 'failed' || gateway?.state === 'failed' ? 'failed' : undefined;
}

export { hasEnded };
