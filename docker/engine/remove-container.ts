import type Dockerode from 'dockerode';
import { EngineError, engineMessage, engineStatus } from './errors.js';

const ATTEMPTS = 3;

/**
 * Removes a container and its anonymous volumes, running or not. One that is gone, or that somebody else removes right
 * now, is fine.
 *
 * @param name what it is called in the error; the beginning of its id where absent
 * @returns whether it was this call that removed it.
 * @throws EngineError where it stays.
 */
export async function removeContainer(
  container: Dockerode.Container,
  name = `container ${container.id.slice(0, 12)}`,
): Promise<boolean> {
  for (let attempt = 1; ; attempt++) {
    try {
      // Podman would ask it to end first, and wait for ten seconds.
      await container.remove({ force: true, v: true, timeout: 0 });
      return true;
    } catch (error) {
      const status = engineStatus(error);
      if (status === 404) return false;
      // Other 409s are of containers that stay: one that the engine cannot kill.
      if (status === 409 && engineMessage(error).includes('already in progress')) return false;
      if (attempt === ATTEMPTS) {
        throw new EngineError(
          `${name} cannot be removed: ${engineMessage(error)}; docker rm -f ${container.id.slice(0, 12)}`,
          { cause: error },
        );
      }
    }
  }
}
