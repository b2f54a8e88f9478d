import type { Below } from '../../soak/runner.js';
import type { Reached } from '../invariants/reached.js';
import type { World } from '../world.js';

/** What a step does it to. */
export interface Stage {
  readonly world: World;
  readonly reached: Reached;
  /** Times in the documentation are for a machine that has nothing else to do. */
  readonly patience: number;
}

/** One thing that goes wrong, with all that is random in it chosen already. */
export interface Step {
  readonly name: string;
  /** For the list of steps. */
  readonly what: string;
  /** Jobs are served again so long after its end, ms, by the documentation. */
  readonly withinMs: number;
  /** Goes wrong, and, after a while, does so no more. */
  run(stage: Stage): Promise<void>;
}

/** Picks what a step needs from the run's one sequence of numbers, whatever the state of the world. */
export type Draw = (below: Below) => Omit<Step, 'name'>;

export { sleep } from '../now.js';
export const pick = <T>(below: Below, list: readonly T[]): T => list[below(list.length)] as T;
/** From `least` to `most`, in tenths of a second. */
export const time = (below: Below, least: number, most: number) =>
  least + 100 * below((most - least) / 100 + 1);
export const inSeconds = (ms: number) => `${ms / 1000}s`;

/** docs/operators.md: a worker is replaced after two seconds of silence, a gateway's container after ten. */
export const WORKER_MS = 5_000;
export const CONTAINER_MS = 30_000;
/** What a new serve cannot open at once it tries again every half a minute at least. */
export const SERVE_MS = 40_000;
/** The engine's own start, and that of all containers, come on top. */
export const ENGINE_MS = 90_000;
