import { ADMISSION } from '../../growth/readers/admission.js';
import { DOCKER } from '../../growth/readers/docker.js';
import { PROXY } from '../../growth/readers/proxy.js';
import { SURFACES } from '../../growth/readers/surfaces.js';
import { readerTarget, type Target } from '../target.js';
import { jobTargets, Nodes } from './jobs.js';
import { PARSERS } from './parsers.js';
import { Names, wayTargets } from './ways.js';

/** All that reads what others wrote, and what it needs beside it: nothing is opened before the first input. */
export class Targets implements AsyncDisposable {
  readonly #nodes = new Nodes();
  readonly #names = new Names();
  readonly all: readonly Target[] = [
    ...PARSERS,
    ...jobTargets(this.#nodes),
    ...wayTargets(this.#names),
    ...[...PROXY, ...ADMISSION, ...DOCKER, ...SURFACES].map(readerTarget),
  ];

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#nodes[Symbol.asyncDispose]();
    await this.#names[Symbol.asyncDispose]();
  }
}
