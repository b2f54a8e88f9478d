import { expect, it } from 'vitest';
import type { Mount } from '../../../docker/engine/container.js';
import { assertMountable } from '../../../docker/engine/podman.js';
import { DOCKER, fakeEngine, PODMAN } from '../../support/fake-engine.js';

it.each([
  [DOCKER, 'Docker'],
  [{ ...DOCKER, Components: [{ Name: 'Engine' }, { Name: 'containerd' }] }, 'Docker'],
  [PODMAN, 'Podman'],
])('an engine is told by its components, not by its version: %o', async (version, product) => {
  await using fake = await fakeEngine(() => {}, version);
  expect(fake.engine).toMatchObject({ product, version: version.Version, apiVersion: version.ApiVersion });
});

it('no mount is given to Podman that it would take for several options', () => {
  const mount = (change: Partial<Mount> = {}): Mount[] => [
    { source: '/in', target: '/in', readOnly: true },
    { source: '/data', target: '/data', readOnly: true, ...change },
  ];
  const [podman, docker] = [{ product: 'Podman' }, { product: 'Docker' }] as const;
  expect(() => assertMountable(podman, mount())).not.toThrow();
  for (const path of ['/x,source=/etc', '/x"', '/x\n/y', '/x\r'])
    for (const change of [{ source: path }, { target: path }]) {
      expect(() => assertMountable(podman, mount(change))).toThrow(/^the engine is Podman, .* another path$/);
      expect(() => assertMountable(docker, mount(change))).not.toThrow();
    }
});
