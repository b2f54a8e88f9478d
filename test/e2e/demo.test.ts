import { expect, it } from 'vitest';
import { describeE2e, run } from '../support/e2e.js';
import { projectRoot } from '../support/engine.js';

describeE2e('the demo', () => {
  it('shows every attempt with the right outcome, and leaves nothing behind', async () => {
    const names = async () =>
      `${(await run('docker', ['ps', '-aq'])).stdout}${(await run('docker', ['network', 'ls', '-q'])).stdout}`;
    const before = await names();
    const demo = await run(process.execPath, ['--import', 'tsx', `${projectRoot}test/demo/demo.ts`]);
    expect(demo.stdout, demo.stderr).toMatch(/\nAll \d+ as they should be\.\n$/);
    expect(demo.stdout).not.toContain('WRONG');
    expect(demo.stdout).toMatch(/^ {2}jobgate refused:\n {4}notexample\.com:443 +once, domain-not-allowed/m);
    expect(demo.code).toBe(0);
    expect(await names()).toBe(before);
  });
});
