import { afterEach, expect, it, vi } from 'vitest';
import { Cleanup } from '../support/cleanup.js';
import { cli, startCli } from '../support/cli.js';
import { describeE2e, docker, JOB_IMAGE, run } from '../support/e2e.js';
import { startServe } from '../support/serve.js';
import { stuckEngine } from '../support/stuck-engine.js';

const GATEWAY = { timeout: 60_000 };

describeE2e('a start that the engine does not come back from', () => {
  let cleanup = new Cleanup();
  afterEach(async () => {
    await cleanup[Symbol.asyncDispose]();
    cleanup = new Cleanup();
  });

  const containers = async (mark: string) =>
    (await docker('ps', '-a', '--no-trunc', '--format', '{{.Command}}'))
      .split('\n')
      .filter((line) => line.includes(mark));
  const spec = (ID: string, seconds?: number) => ({
    ...{ ID, Name: 'stuck', Type: 'batch', Count: 1 },
    Tasks: [
      {
        Name: 'main',
        Engine: { Type: 'docker', Params: { Image: JOB_IMAGE, Parameters: ['sleep', '600', ID] } },
        Network: { Type: 'None' },
        ...(seconds && { Timeouts: { ExecutionTimeout: seconds } }),
      },
    ],
  });

  async function serveBehind() {
    const stuck = cleanup.use(await stuckEngine());
    const serve = cleanup.use(await startServe([], { env: { DOCKER_HOST: stuck.host } }));
    return { stuck, serve };
  }

  it('does not hold whoever deletes the job, nor the next one; the container goes when the engine comes back', async () => {
    const { stuck, serve } = await serveBehind();
    const id = `stuck-delete-${process.pid}`;
    await serve.ask('/v1/jobs', { body: spec(id) });
    await stuck.asked;
    const { status, body } = await serve.ask(`/v1/jobs/${id}`, { method: 'DELETE' });
    expect([status, body.state]).toEqual([200, 'failed']);
    expect(await containers(id)).toHaveLength(1);
    const next = `next-${process.pid}`;
    await serve.ask('/v1/jobs', { body: spec(next) });
    await vi.waitFor(
      async () => expect((await serve.ask(`/v1/jobs/${next}`)).body.state).toBe('running'),
      GATEWAY,
    );
    await serve.ask(`/v1/jobs/${next}`, { method: 'DELETE' });
    stuck.release();
    await vi.waitFor(async () => expect(await containers(id)).toEqual([]), GATEWAY);
  });

  it("does not hold the job's time limit, nor the end of serve", async () => {
    const { stuck, serve } = await serveBehind();
    const id = `stuck-limit-${process.pid}`;
    await serve.ask('/v1/jobs', { body: spec(id, 1) });
    await stuck.asked;
    await vi.waitFor(
      async () => expect((await serve.ask(`/v1/jobs/${id}`)).body.result?.how).toBe('timeout'),
      GATEWAY,
    );
    expect(await serve.stop()).toBe(0);
    stuck.release();
    await run(process.execPath, ['dist/src/cli.js', 'clean']);
    expect(await containers(id)).toEqual([]);
  });

  it('does not hold Ctrl-C, with a gateway as well, and the next run removes what is left', async () => {
    const stuck = cleanup.use(await stuckEngine());
    const mark = `stuck-run-${process.pid}`;
    const job = startCli(
      ['run', '--pull', 'never', '--domain', 'example.com', JOB_IMAGE, 'sleep', '600', mark],
      { env: { DOCKER_HOST: stuck.host } },
    );
    await stuck.asked;
    job.child.kill('SIGINT');
    expect((await job.done).code).toBe(130);
    expect(await containers(mark)).toHaveLength(1);
    stuck.release();
    expect((await cli(['run', '--pull', 'never', JOB_IMAGE, 'true'])).code).toBe(0);
    expect(await containers(mark)).toEqual([]);
  });
});

describeE2e('an image or a command that no engine could have', () => {
  it.each(['get?names=X&x=', '../containers/json', `a@sha256:${'0'.repeat(64)}?x`])(
    'is refused by its name, before the engine is asked: %s',
    async (image) => {
      const { code, stderr } = await cli(['run', '--pull', 'never', image, 'true']);
      expect(code).toBe(64);
      expect(stderr).toMatch(/^jobgate: IMAGE: is no image: .*\n$/);
    },
  );

  it('leaves serve as it was: an export of an image for the asking', async () => {
    await using serve = await startServe();
    const Params = { Image: `get?names=${JOB_IMAGE}&x=` };
    const body = { Tasks: [{ Engine: { Type: 'docker', Params } }] };
    const answer = await serve.ask('/v1/jobs', { body });
    expect(answer.status).toBe(400);
    expect(answer.body.problems).toEqual([
      { path: 'Tasks[0].Engine.Params.Image', problem: expect.stringMatching(/^is no image: /) },
    ]);
    expect((await serve.ask('/healthz')).status).toBe(200);
  });

  it('is refused by its length: a program that would keep the runtime for ever, given or of the image', async () => {
    const long = `/${'x'.repeat(40_000)}`;
    const given = await cli(['run', '--pull', 'never', '--entrypoint', long, JOB_IMAGE]);
    expect(given).toMatchObject({
      code: 64,
      stderr: 'jobgate: --entrypoint: has 40001 bytes: at most 4095 are possible\n',
    });
    const image = `jobgate-test-long-${process.pid}`;
    const built = await run('docker', ['build', '-q', '-t', image, '-'], {
      input: `FROM ${JOB_IMAGE}\nENTRYPOINT ["${long}"]\n`,
    });
    expect(built).toMatchObject({ code: 0 });
    try {
      const ran = await cli(['run', '--pull', 'never', image]);
      expect(ran.code).toBe(125);
      expect(ran.stderr).toContain('the path of its program has 40001 bytes, at most 4095 are possible');
      const command = await cli(['run', '--pull', 'never', JOB_IMAGE, long]);
      expect(command.stderr).toContain('the path of its program has 40001 bytes');
      expect(await cli(['run', '--pull', 'never', JOB_IMAGE, 'echo', 'x'.repeat(100_000)])).toMatchObject({
        ...{ code: 0, stdout: `${'x'.repeat(100_000)}\n` },
      });
    } finally {
      await docker('rmi', '-f', image);
    }
  });
});
