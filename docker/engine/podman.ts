import type Dockerode from 'dockerode';
import type { Mount } from './container.js';
import type { Engine } from './engine.js';
import { EngineError } from './errors.js';

/** Version of Podman's own API; it takes that of every 5.x and later. */
const API = '/v5.0.0/libpod';

/** What Podman has no words for in its API for Docker's clients is asked of its own, at the same socket. */
export function askPodman(docker: Dockerode, path: string, options: object): Promise<unknown> {
  const statusCodes = { 200: true, 400: 'bad parameter', 409: 'conflict', 500: 'server error' };
  return new Promise((resolve, reject) => {
    docker.modem.dial({ path: API + path, method: 'POST', options, statusCodes }, (error, answer) =>
      error ? reject(error) : resolve(answer),
    );
  });
}

/**
 * Podman puts a mount together as an option of its command line and takes it apart again: what a path has behind a comma
 * would be another option, a source on the host among them.
 *
 * @throws EngineError for a mount that would become another one.
 */
export function assertMountable({ product }: Pick<Engine, 'product'>, mounts: readonly Mount[]): void {
  if (product !== 'Podman') return;
  const wrong = mounts
    .flatMap(({ source, target }) => [source, target])
    .find((path) => /[,"\r\n]/.test(path));
  if (wrong === undefined) return;
  throw new EngineError(
    `the engine is Podman, which takes a mount with ${JSON.stringify(wrong)} apart at its commas and quotes: give it another path`,
  );
}
