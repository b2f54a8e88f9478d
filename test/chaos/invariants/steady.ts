import type { World } from '../world.js';
import type { Report } from './reached.js';

/** Descriptors that come and go: the harness' own questions, a follower of the engine's events. */
const MORE_DESCRIPTORS = 12;
/** What V8 keeps of what is over differs by so much, bytes. */
const MORE_MEMORY = 80_000_000;

interface Seen {
  readonly pid: number;
  readonly descriptors: number;
  readonly memory: number;
}

/** A serve keeps no more open, and no more in memory, the longer it lives; the rules stand, and no network is one too many. */
export class Steady {
  #seen: Seen | undefined;
  /** The most that it had. */
  readonly most = { descriptors: 0, memory: 0 };

  constructor(private readonly report: Report) {}

  /** When nothing is done to anybody, and all jobs are served. */
  async look(world: World, networks: readonly string[]): Promise<void> {
    const { pid } = world.serve;
    const { descriptors, memory } = world.serve.size();
    this.most.descriptors = Math.max(this.most.descriptors, descriptors);
    this.most.memory = Math.max(this.most.memory, memory);
    const seen = this.#seen;
    if (seen?.pid !== pid) {
      this.#seen = { pid, descriptors, memory };
    } else {
      if (descriptors > seen.descriptors + MORE_DESCRIPTORS) {
        this.report(`steady: serve has ${descriptors} descriptors, ${seen.descriptors} at first`);
      }
      if (memory > seen.memory + MORE_MEMORY) {
        const [mb, first] = [memory, seen.memory].map((bytes) => Math.round(bytes / 1e6));
        this.report(`steady: serve has ${mb} MB, ${first} at first`);
      }
    }
    const wanted = new Set([...world.jobs.values()].map(({ network }) => network));
    const more = networks.filter((name) => !wanted.has(name));
    if (more.length > 0) this.report(`steady: networks of no job: ${more.join(', ')}`);
  }
}
