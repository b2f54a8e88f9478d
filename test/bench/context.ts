import type { Child } from './child.js';
import type { Contender } from './contender.js';
import type { LoadApi } from './load/main.js';
import type { OriginPorts } from './load/origins.js';
import type { Cores } from './machine.js';
import type { Options } from './options.js';
import type { Figure } from './report.js';

/** What every section gets. */
export interface Context {
  readonly options: Options;
  /** Top folder of this repository, built. */
  readonly root: string;
  readonly cores: Cores | undefined;
  readonly load: Child<LoadApi>;
  readonly origins: OriginPorts;
  /** Ways to the origins that do the same work, `direct` first; started at the first call. */
  readonly contenders: () => Promise<readonly Contender[]>;
  /** Tells the person in front of it, not the table. */
  readonly say: (text: string) => void;
}

export interface Section {
  /** For `--only`. */
  readonly name: string;
  readonly title: string;
  /** It takes long, and is only run where it is named. */
  readonly byName?: true;
  run(context: Context): Promise<Omit<Figure, 'section'>[]>;
}
