import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest';
import { Cleanup } from '../support/cleanup.js';
import { cli, JOB_IMAGE, startCli } from '../support/cli.js';
import { describeE2e, docker } from '../support/e2e.js';
import { CLI } from '../support/engine.js';
import { type Serve, startServe } from '../support/serve.js';
import { type Stage, startStage } from '../support/stage.js';

describeE2e('a running serve, seen and changed from a terminal', () => {
  const suite = new Cleanup();
  let cleanup = new Cleanup();
  let stage: Stage;
  let serve: Serve;
  beforeAll(async () => {
    stage = suite.use(await startStage({ 'example.com': {}, 'other.example.org': {} }));
    serve = suite.use(await startServe(['--dns', stage.net.dns]));
  });
  afterAll(() => suite[Symbol.asyncDispose]());
  afterEach(async () => {
    await cleanup[Symbol.asyncDispose]();
    cleanup = new Cleanup();
  });

  const jobgate = (...args: string[]) => cli(args, { env: { JOBGATE_LISTEN: `unix:${serve.socket}` } });
  const newId = (name: string) => `${name}-${randomBytes(4).toString('hex')}`;

  /** A container behind a gateway of its own that runs a script. */
  async function startJob(script: string, jobId = newId('job')) {
    const { body } = await serve.ask('/v1/gateways', {
      body: { jobId, network: { Domains: ['example.com'] } },
    });
    cleanup.add(() => serve.ask(`/v1/gateways/${body.id}`, { method: 'DELETE' }));
    cleanup.add(() => docker('rm', '-f', jobId));
    await docker('run', '-d', '--name', jobId, ...body.docker, JOB_IMAGE, 'bash', '-c', script);
    return jobId;
  }

  it('deny cuts a tunnel that the job has, and ps and events say what came of it', async () => {
    // It says when the tunnel is open, and when it is not any more.
    const script = `proxy=\${http_proxy#http://}; proxy=\${proxy%/}
exec 3<>/dev/tcp/\${proxy%:*}/\${proxy##*:}
printf 'CONNECT example.com:80 HTTP/1.1\\r\\nHost: example.com:80\\r\\n\\r\\n' >&3
read -r line <&3; echo "$line"; read -r _ <&3
printf 'GET / HTTP/1.1\\r\\nHost: example.com\\r\\n\\r\\n' >&3
cat <&3 >/dev/null; echo cut
curl -sS -o /dev/null -w '%{http_code}\\n' http://example.com/; sleep 600`;
    const job = await startJob(script);
    const output = () => docker('logs', job);
    await vi.waitFor(async () => expect(await output()).toContain('200'), { timeout: 60_000, interval: 200 });
    await vi.waitFor(
      async () => {
        const [shown] = JSON.parse((await jobgate('ps', '--json')).stdout);
        expect(shown).toMatchObject({ job, state: 'open' });
        expect(shown.bytes.down).toBeGreaterThan(0);
      },
      { timeout: 60_000, interval: 200 },
    );
    expect((await jobgate('deny', job, 'example.com')).stdout).toBe(
      `${job} is refused example.com; 1 connection was cut\n`,
    );
    await vi.waitFor(async () => expect(await output()).toMatch(/cut\n403/), {
      timeout: 60_000,
      interval: 200,
    });
    expect((await jobgate('ps')).stdout).toMatch(new RegExp(`^${job} +open .* 1 +example\\.com:80$`, 'm'));
    const events = (await jobgate('events', job, '--since', '5m', '--no-follow')).stdout;
    expect(events).toContain(`allowed CONNECT example.com:80 (${job})`);
    expect(events).toContain(`gateway policy-changed: denies example.com; cut 1; by api (${job})`);
    expect(events).toContain(`denied GET example.com:80 operator-denied (${job})`);
    expect((await jobgate('allow', job, 'example.com')).code).toBe(0);
    expect((await jobgate('close', job)).stdout).toBe(`${job}: closed\n`);
    expect((await jobgate('ps', '-a')).stdout).toMatch(new RegExp(`^${job} +closed `, 'm'));
  });

  it('logs follows the output of a job that serve runs, and close stops it', async () => {
    const id = newId('own');
    const Parameters = ['bash', '-c', 'echo begun; trap "echo asked to end; exit 5" TERM; sleep 600 & wait'];
    const Engine = { Type: 'docker', Params: { Image: JOB_IMAGE, Parameters } };
    const body = { ID: id, Tasks: [{ Name: 'main', Engine, Network: { Type: 'None' } }] };
    expect((await serve.ask('/v1/jobs', { body })).status).toBe(202);
    const logs = startCli(['logs', '-f', id], { env: { JOBGATE_LISTEN: `unix:${serve.socket}` }, stdin: '' });
    cleanup.add(() => logs.child.kill('SIGKILL'));
    await logs.printed('begun\n');
    expect((await jobgate('close', id)).code).toBe(0);
    expect(await logs.done).toMatchObject({ code: 0, stdout: 'begun\nasked to end\n' });
    expect((await jobgate('ps', '--all')).stdout).toMatch(new RegExp(`^${id} +exit 5 `, 'm'));
  });

  it('run says with --name where the gateway listens, and after Ctrl-C what it waits for', async () => {
    const id = newId('named');
    const options = `--pull never --dns ${stage.net.dns} --domain example.com --name ${id}`;
    const script = 'echo begun; trap "exit 3" TERM; sleep 600 & wait';
    const command = `'${process.execPath}' '${CLI}' run ${options} ${JOB_IMAGE} bash -c '${script}'`;
    const terminal = spawn('script', ['-qec', command, '/dev/null'], { stdio: ['pipe', 'pipe', 'inherit'] });
    let shown = '';
    let isPressed = false;
    for await (const piece of terminal.stdout.setEncoding('utf8')) {
      shown += piece;
      if (!isPressed && shown.includes('begun')) {
        isPressed = true;
        terminal.stdin.write('\x03');
      }
    }
    expect(shown).toMatch(
      new RegExp(`jobgate: ${id} has its proxy at http://10\\.\\S+:\\d+, on network jobgate-\\w+`),
    );
    expect(shown).toMatch(/ending: the job has 10 s to end; Ctrl-C again ends it at once/);
  });
});
