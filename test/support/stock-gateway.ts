import { GATEWAY_IMAGE } from '../stock-node/stock-node.js';
import type { Cleanup } from './cleanup.js';
import { docker, JOB_IMAGE } from './e2e.js';

/** An image in the place of the node's gateway that is healthy as soon as the engine looks, or does as it is told. */
export async function makeGatewayImage(
  cleanup: Cleanup,
  { health = 'true', command = 'exec sleep 600', from = JOB_IMAGE } = {},
): Promise<void> {
  const container = await docker('create', from);
  try {
    const change = [
      `HEALTHCHECK --interval=1s --start-period=5s CMD ["bash", "-c", ${JSON.stringify(health)}]`,
      `CMD ["bash", "-c", ${JSON.stringify(command)}]`,
    ].flatMap((line) => ['--change', line]);
    await docker('commit', ...change, container, GATEWAY_IMAGE);
    cleanup.add(() => docker('rmi', GATEWAY_IMAGE));
  } finally {
    await docker('rm', container);
  }
}
