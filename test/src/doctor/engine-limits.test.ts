import { expect, it } from 'vitest';
import { engineLimits } from '../../../src/doctor/engine-limits.js';
import { fakeEngine, json } from '../../support/fake-engine.js';

const limits = { MemoryLimit: true, PidsLimit: true, CpuCfsQuota: true };
const rootless = { SecurityOptions: ['name=seccomp,profile=default', 'name=rootless'] };

it.each([
  ['one that limits all', { ...limits, CgroupVersion: '1' }, false, undefined],
  ['without pids', { ...limits, PidsLimit: false }, false, /^it limits no processes of a container/],
  ['rootless, delegated', { ...limits, ...rootless, CgroupVersion: '2' }, true, undefined],
  [
    'rootless, in part delegated',
    { ...limits, ...rootless, CgroupVersion: '2', MemoryLimit: false, CpuCfsQuota: false },
    true,
    /^it limits no memory, CPU of/,
  ],
  // It says what the kernel has.
  ['rootless on cgroup v1', { ...limits, ...rootless, CgroupVersion: '1' }, true, /memory, CPU, processes/],
  [
    'rootless without cgroups',
    { ...limits, ...rootless, CgroupDriver: 'none' },
    true,
    /memory, CPU, processes/,
  ],
])('what an engine limits: %s', async (_what, info, isRootless, said) => {
  await using fake = await fakeEngine((_request, response) => json(response, info));
  const found = await engineLimits(fake.engine);
  expect(found.rootless).toBe(isRootless);
  if (said === undefined) {
    expect(found.limits).toEqual([]);
  } else {
    expect(found.limits).toMatchObject([{ check: 'engine limits', status: 'warn' }]);
    expect(found.limits[0]?.detail).toMatch(said);
  }
});

it('nothing is said of an engine that does not tell', async () => {
  await using fake = await fakeEngine((_request, response) => json(response, { message: 'no' }, 500));
  expect(await engineLimits(fake.engine)).toEqual({ rootless: false, limits: [] });
});
