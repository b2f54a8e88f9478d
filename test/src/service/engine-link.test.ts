import { expect, it } from 'vitest';
import { silentLogger } from '../../../proxy/policy/logger.js';
import { EngineLink } from '../../../src/service/engine-link.js';
import { DOCKER, fakeEngine, PODMAN } from '../../support/fake-engine.js';

it.each([
  [DOCKER, undefined],
  [PODMAN, /^the engine is Podman, .* jobgate serve needs Docker$/],
])('an engine is served only where it tells what a container may do: %o', async (version, problem) => {
  await using fake = await fakeEngine((_request, response) => response.writeHead(200).write('\n'), version);
  const link = new EngineLink({
    logger: silentLogger,
    onUp: async () => {},
    onReady: () => {},
    onNetworkEvent: () => {},
    onContainerGone: () => {},
    onContainerExited: () => {},
    connect: async () => fake.engine,
  });
  await link.start();
  if (problem === undefined) {
    expect(link.engine).toBe(fake.engine);
  } else {
    expect(link.problem).toMatch(problem);
    expect(() => link.engine).toThrow(problem);
    expect(fake.asked).toEqual([]);
  }
  await link.close();
});
