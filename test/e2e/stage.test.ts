import { expect, it } from 'vitest';
import { describeE2e, docker, JOB_IMAGE, run } from '../support/e2e.js';

describeE2e('the engine and the job image of the tests', () => {
  it('runs a job', async () => {
    const job = await run('docker', [
      'run',
      '--rm',
      '--network',
      'none',
      JOB_IMAGE,
      'bash',
      '-c',
      'echo from $UID; exit 3',
    ]);
    expect(job).toMatchObject({ stdout: 'from 0\n', code: 3 });
  });

  it('has curl, node and name look-ups', async () => {
    const versions = await docker(
      'run',
      '--rm',
      '--network',
      'none',
      JOB_IMAGE,
      'bash',
      '-c',
      'curl -V; node -v; getent passwd job',
    );
    expect(versions).toMatch(/^curl .*\nv\d+\..*\njob:x:1000/s);
  });
});
