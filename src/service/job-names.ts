import type { Job } from '../../admission/job.js';
import { named } from '../../proxy/policy/job-name.js';

/** So many are remembered, the last. */
const MAX_NAMES = 5_000;
/** Of each so much, UTF-16 units. */
const MAX_LENGTH = 512;

/** Names of jobs that admission was asked about: a Bacalhau node tells its engine the ids alone. */
export class JobNames {
  readonly #byId = new Map<string, string>();

  add({ id, name }: Pick<Job, 'id' | 'name'>): void {
    if (id === undefined || name === undefined || name === id) return;
    this.#byId.delete(id);
    this.#byId.set(id, name.slice(0, MAX_LENGTH));
    const [oldest] = this.#byId.keys();
    if (this.#byId.size > MAX_NAMES && oldest !== undefined) this.#byId.delete(oldest);
  }

  /** For a policy; empty where it is not known. */
  of(id: string): { readonly name?: string } {
    return named(this.#byId.get(id));
  }
}
