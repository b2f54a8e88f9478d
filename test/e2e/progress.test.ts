import { expect, it } from 'vitest';
import { cli, JOB_IMAGE } from '../support/cli.js';
import { describeE2e, run } from '../support/e2e.js';
import { CLI } from '../support/engine.js';
import { startSlowEngine } from '../support/slow-engine.js';

const JOB = ['run', '--pull', 'never', '--domain', 'example.com', JOB_IMAGE, 'echo', 'hi'];

describeE2e('an engine that takes its time', () => {
  it('is spoken of at a terminal, step by step, and not in a pipe', async () => {
    // What makes the network and the container, and what ends them.
    await using slow = await startSlowEngine(/^(POST \S*create|DELETE )/, 1_500);
    const env = { DOCKER_HOST: slow.host };

    const piped = await cli(JOB, { env });
    expect(piped).toMatchObject({ code: 0, stdout: 'hi\n', stderr: '' });

    // A terminal has one stream, and ends lines its own way.
    const command = [process.execPath, CLI, ...JOB].join(' ');
    const { code, stdout } = await run('script', ['-qec', command, '/dev/null'], { env });
    expect({ code, lines: stdout.split('\r\n') }).toEqual({
      code: 0,
      lines: expect.arrayContaining([
        'jobgate: opening the gateway …',
        'jobgate: starting the container …',
        'hi',
        'jobgate: closing the gateway …',
      ]),
    });
    const quiet = [process.execPath, CLI, JOB[0], '--quiet', ...JOB.slice(1)].join(' ');
    expect((await run('script', ['-qec', quiet, '/dev/null'], { env })).stdout).toBe('hi\r\n');
  });
});
