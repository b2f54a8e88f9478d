import type { Job } from '../../admission/job.js';
import { jobName } from '../../proxy/policy/job-name.js';

/** So many are remembered, the last. */
const MAX_NAMES = 5_000;

/** Names of jobs that admission was asked about: a Bacalhau node tells its engine the ids alone. */
export class JobNames {
  readonly #byId = new Map<string, string>();

  add({ id, name: given }: Pick<Job, 'id' | 'name'>): void {
    const name = jobName(given);
    if (id === undefined || name === undefined || name === id) return;
    this.#byId.delete(id);
    this.#byId.set(id, name);
    const [oldest] = this.#byId.keys();
    if (this.#byId.size > MAX_NAMES && oldest !== undefined) this.#byId.delete(oldest);
  }

  /** As the part of a policy that it is; empty where it is not known. */
  of(id: string): { readonly name?: string } {
    const name = this.#byId.get(id);
    return name === undefined ? {} : { name };
  }
}
