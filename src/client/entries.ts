import type { z } from 'zod';
import { UsageError } from '../errors.js';
import type { gateway, jobView } from '../service/schemas.js';
import type { ApiClient } from './client.js';

export type GatewayView = z.infer<typeof gateway>;
export type JobView = z.infer<typeof jobView>;

/** What a person means by an id: a gateway, a job that serve runs itself, or such a job with its gateway. */
export interface Entry {
  readonly job: string;
  readonly execution?: string;
  readonly gateway?: GatewayView;
  /** Of a job that serve runs itself. */
  readonly run?: JobView;
}

/** All that a serve has, the oldest first; with `all` what has ended as well, as far as it remembers. */
export async function listEntries(client: ApiClient, { all = false } = {}): Promise<Entry[]> {
  const state = { gateways: 'open,draining,failed', jobs: 'starting,running,stopping' };
  const [{ gateways }, { jobs }] = await Promise.all([
    client.ask<{ gateways: GatewayView[] }>('/v1/gateways', {
      query: { state: all ? `${state.gateways},closed` : state.gateways },
    }),
    client.ask<{ jobs: JobView[] }>('/v1/jobs', { query: all ? {} : { state: state.jobs } }),
  ]);
  return joined(gateways, jobs);
}

export function joined(gateways: readonly GatewayView[], jobs: readonly JobView[]): Entry[] {
  // A job that was started again has the gateway of its last time last.
  const ofJobs = new Map(gateways.filter(({ ofJob }) => ofJob).map((one) => [one.jobId, one]));
  const taken = new Set<GatewayView>();
  const runs = jobs.map((run): Entry => {
    const found = ofJobs.get(run.id);
    // One from before is not this job's.
    const gateway = found && found.created >= run.created ? found : undefined;
    if (gateway) taken.add(gateway);
    return { job: run.id, ...execution(run), ...(gateway && { gateway }), run };
  });
  const others = gateways
    .filter((gateway) => !taken.has(gateway))
    .map((gateway): Entry => ({ job: gateway.jobId, ...execution(gateway), gateway }));
  const created = ({ gateway, run }: Entry) => run?.created ?? gateway?.created ?? '';
  return [...runs, ...others].sort((a, b) => created(a).localeCompare(created(b)));
}

export function hasEnded({ gateway, run }: Entry): boolean {
  return run ? run.state === 'ended' || run.state === 'failed' : gateway?.state === 'closed';
}

/** An entry's ids for a person: `job-1 (execution e-1, gateway ab12)`. */
export function nameOf({ job, execution, gateway }: Entry): string {
  const more = [execution && `execution ${execution}`, gateway && `gateway ${gateway.id}`].filter(Boolean);
  return more.length > 0 ? `${job} (${more.join(', ')})` : job;
}

const MAX_LISTED = 10;

/**
 * The entry that has an id, or the only one that has one which begins so. What runs goes before what has ended.
 *
 * @throws UsageError where there is none, or several, which it lists.
 */
export function findEntry(entries: readonly Entry[], id: string): Entry {
  // The second as the table of ps has it.
  const idsOf = ({ job, execution, gateway }: Entry) => [
    ...[job, execution && `${job}/${execution}`, execution, gateway?.id],
  ];
  const live = entries.filter((one) => !hasEnded(one));
  for (const isMeant of [(one: string) => one === id, (one: string) => one.startsWith(id)]) {
    for (const some of [live, entries]) {
      const found = some.filter((entry) => idsOf(entry).some((one) => one !== undefined && isMeant(one)));
      if (found.length === 1) return found[0] as Entry;
      if (found.length > 1) {
        const names = found.slice(0, MAX_LISTED).map(nameOf);
        const more = found.length > MAX_LISTED ? `, and ${found.length - MAX_LISTED} more` : '';
        throw new UsageError(`${id}: which of them? ${names.join(', ')}${more}`);
      }
    }
  }
  throw new UsageError(`${id}: there is no job, execution or gateway with this id: see jobgate ps --all`);
}

function execution({ executionId }: { readonly executionId?: string | undefined }) {
  return executionId === undefined ? {} : { execution: executionId };
}
