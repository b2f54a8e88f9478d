import { expect, it } from 'vitest';
import { describeE2e, run } from '../support/e2e.js';
import { projectRoot } from '../support/engine.js';
import { STEPS } from './session.js';

/** Plants of every kind of invariant: see plants.ts. */
const PLANTED = [
  'bypass',
  'allowlist',
  'rate',
  'budget',
  'account',
  'closed',
  'descriptors',
  'network',
  'file',
];

describeE2e('chaos', () => {
  it('finds nothing in a short run, and then each fault that is planted', async () => {
    const args = ['--minutes', '0.5', '--seed', '11', '--only', 'worker,rules,dns,serve', '--patience', '6'];
    // Its engine is its own.
    const command = [
      '-u',
      'DOCKER_HOST',
      process.execPath,
      '--import',
      'tsx',
      `${projectRoot}test/chaos/chaos.ts`,
    ];
    const ran = await run('env', [...command, ...args, '--plant', PLANTED.join()], { timeoutMs: 900_000 });
    expect(ran, ran.stdout + ran.stderr).toMatchObject({ code: 0 });
    expect(ran.stdout).toContain('nothing found but all that was planted');
  });

  it('has the same steps for the same seed', () => {
    const numbers = () => {
      let state = 7;
      return (below: number) => {
        state = (state * 48_271) % 0x7fffffff;
        return state % below;
      };
    };
    for (const draw of Object.values(STEPS)) expect(draw(numbers()).what).toBe(draw(numbers()).what);
  });
});
