import type { Job } from '../../admission/job.js';
import { jobName } from '../../proxy/policy/job-name.js';

/** So many are remembered, the last. */
const MAX_NAMES = 5_000;

/**
 * Names of jobs that admission accepted: a Bacalhau node tells its engine the ids alone. Whoever reaches loopback may
 * ask admission: the first name of an id stays, and that of a job with an open gateway is not pushed out.
 */
export class JobNames {
  readonly #byId = new Map<string, string>();
  readonly #open: () => Iterable<string>;

  /** @param open ids of the jobs that have a gateway now. */
  constructor(open: () => Iterable<string>) {
    this.#open = open;
  }

  add({ id, name: given }: Pick<Job, 'id' | 'name'>): void {
    const name = jobName(given);
    if (id === undefined || name === undefined || name === id || this.#byId.has(id)) return;
    this.#byId.set(id, name);
    if (this.#byId.size <= MAX_NAMES) return;
    const open = new Set(this.#open());
    const oldest = [...this.#byId.keys()].find((known) => !open.has(known));
    if (oldest !== undefined) this.#byId.delete(oldest);
  }

  /** As the part of a policy that it is; empty where it is not known. */
  of(id: string): { readonly name?: string } {
    const name = this.#byId.get(id);
    return name === undefined ? {} : { name };
  }
}
