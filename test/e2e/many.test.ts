import Dockerode from 'dockerode';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startCli } from '../support/cli.js';
import { describeE2e } from '../support/e2e.js';
import { type Stage, startStage } from '../support/stage.js';

// Docker's own pools end at about thirty networks.
const JOBS = 40;
const ID = `many-${process.pid}`;
const ours = { filters: { label: [`io.jobgate.job=${ID}`] } };

describeE2e('many jobs at once', () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await startStage({ 'example.com': {} });
  });
  afterAll(() => stage[Symbol.asyncDispose]());

  it(`${JOBS} jobs of ${JOBS} processes run beside each other, each with a network and a proxy of its own`, async () => {
    // Each says who it is once it has got out, and waits for stdin to end: so all are there at the same time.
    const script = 'curl -sS -o /dev/null http://example.com/ && echo "$http_proxy"; cat >/dev/null; exit 3';
    const runs = Array.from({ length: JOBS }, () =>
      startCli([
        'run',
        '--pull',
        'never',
        '-i',
        '--job-id',
        ID,
        ...stage.options,
        '--domain',
        'example.com',
        'jobgate-job:local',
        'bash',
        '-c',
        script,
      ]),
    );
    await Promise.all(runs.map((run) => run.printed('http://')));
    const networks = await new Dockerode().listNetworks(ours);
    expect(networks).toHaveLength(JOBS);
    for (const run of runs) run.child.stdin?.end();
    const results = await Promise.all(runs.map((run) => run.done));
    expect(results.map(({ code }) => code)).toEqual(Array(JOBS).fill(3));
    expect(new Set(results.map(({ stdout }) => stdout)).size).toBe(JOBS);
    expect(await new Dockerode().listNetworks(ours)).toEqual([]);
  });
});
