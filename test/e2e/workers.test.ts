import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Cleanup } from '../support/cleanup.js';
import { describeE2e, docker, JOB_IMAGE, run } from '../support/e2e.js';
import { pidListeningOn } from '../support/listener.js';
import { type Serve, startServe } from '../support/serve.js';
import { type Stage, startStage } from '../support/stage.js';

interface Job {
  readonly name: string;
  readonly gateway: { readonly id: string; readonly proxy: { readonly url: string } };
}

describeE2e('a worker of serve', () => {
  const cleanup = new Cleanup();
  let stage: Stage;
  let serve: Serve;
  let jobs: Job[];
  beforeAll(async () => {
    stage = cleanup.use(await startStage({ 'example.com': {} }));
    serve = cleanup.use(await startServe(['--dns', stage.net.dns, '--workers', '2']));
    jobs = [];
    for (let i = 0; i < 6; i++) jobs.push(await startJob());
  });
  afterAll(() => cleanup[Symbol.asyncDispose]());

  async function startJob(): Promise<Job> {
    const name = `worker-${randomBytes(4).toString('hex')}`;
    const body = { jobId: name, network: { Domains: ['example.com'] } };
    const { status, body: gateway } = await serve.ask('/v1/gateways', { body });
    expect(status).toBe(201);
    cleanup.add(() => docker('rm', '-f', name));
    await docker('run', '-d', '--name', name, ...gateway.docker, JOB_IMAGE, 'sleep', '600');
    return { name, gateway };
  }

  function workerOf({ gateway }: Job): number {
    const { hostname, port } = new URL(gateway.proxy.url);
    return pidListeningOn(Number(port), hostname);
  }

  /** What the proxy of a job answers. */
  async function status({ name }: Job): Promise<string> {
    const args = ['-sS', '-m', '30', '-o', '/dev/null', '-w', '%{http_code}', 'http://example.com/'];
    return (await run('docker', ['exec', name, 'curl', ...args])).stdout;
  }

  it.each(['SIGSTOP', 'SIGKILL'] as const)(
    'that gets a %s: its jobs are served again at their addresses, others and the API notice nothing',
    async (signal) => {
      const [job] = jobs as [Job];
      const worker = workerOf(job);
      const lost = jobs.filter((one) => workerOf(one) === worker);
      const others = jobs.filter((one) => workerOf(one) !== worker);
      expect(others.length).toBeGreaterThan(0);
      const before = await deaths();
      let over = false;
      const noticed: string[] = [];
      const watching = (async () => {
        while (!over) {
          for (const other of others) noticed.push(await status(other));
          noticed.push(String((await serve.ask('/healthz')).status));
        }
      })();
      process.kill(worker, signal);
      for (const one of lost) await expect.poll(() => status(one), { interval: 100 }).toBe('200');
      over = true;
      await watching;
      expect(new Set(noticed)).toEqual(new Set(['200']));
      expect(lost.map(workerOf)).not.toContain(worker);
      expect(await deaths()).toBe(before + 1);
      const { gateways } = (await serve.ask('/v1/gateways')).body;
      expect(new Set(gateways.map(({ state }: { state: string }) => state))).toEqual(new Set(['open']));
      for (const { gateway } of lost) {
        const view = (await serve.ask(`/v1/gateways/${gateway.id}`)).body;
        expect(view).toMatchObject({ proxy: gateway.proxy, containers: [{ enforced: true }] });
      }
    },
  );

  async function deaths(): Promise<number> {
    const { body } = await serve.ask('/metrics');
    return Number(/^jobgate_worker_deaths_total (\d+)/m.exec(body)?.[1]);
  }
});
