import { expect, it } from 'vitest';
import { describeE2e, run } from '../support/e2e.js';
import { projectRoot } from '../support/engine.js';
import { PLANTS } from './plants.js';
import { STEPS } from './session.js';

const MOST_MS = 900_000;

describeE2e('chaos', () => {
  it(
    'finds nothing in a short run, and then each fault that is planted',
    async () => {
      const args = [
        '--minutes',
        '0.1',
        '--seed',
        '11',
        '--only',
        'worker,rules,dns,serve',
        '--patience',
        '6',
      ];
      // Its engine is its own.
      const command = [
        '-u',
        'DOCKER_HOST',
        process.execPath,
        '--import',
        'tsx',
        `${projectRoot}test/chaos/chaos.ts`,
      ];
      const ran = await run('env', [...command, ...args, '--plant', Object.keys(PLANTS).join()], {
        timeoutMs: MOST_MS,
      });
      expect(ran, ran.stdout + ran.stderr).toMatchObject({ code: 0 });
      expect(ran.stdout).toContain('nothing found but all that was planted');
    },
    MOST_MS,
  );

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
