import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Cleanup } from '../../support/cleanup.js';
import { docker, JOB_IMAGE, run } from '../../support/e2e.js';
import { buildJobImage, ensureEngine } from '../../support/engine.js';
import { startInternet } from '../../support/internet.js';
import { ask } from '../../support/serve.js';
import type { Section } from '../context.js';
import type { Figure } from '../report.js';
import { startServe } from '../serve.js';
import { percentile } from '../stats.js';

const SCRIPT = readFileSync(new URL('../load/neighbours.cjs', import.meta.url), 'utf8');
/** As the script has them. */
const ATTACKS = [...SCRIPT.matchAll(/^ {2}(nothing|'[^']+'): /gm)].map(([, name = '']) =>
  name.replaceAll("'", ''),
);
/** The attack begins so much earlier, and goes on so much longer, than what is measured, s. */
const AROUND = 1;

/** What a job can do to another one, in the same worker of the same serve: figures of the other one meanwhile. */
export const neighbours: Section = {
  name: 'neighbours',
  title: "A job's figures while a neighbour in the same worker does its worst, both at 10 Mbit/s",
  byName: true,
  async run({ options, root, say }) {
    try {
      ensureEngine();
      buildJobImage(['node']);
    } catch (error) {
      say(`neighbours: left out, ${(error as Error).message.split('\n')[0]}`);
      return [];
    }
    const figures: Omit<Figure, 'section'>[] = [];
    for (const [of, from] of [
      ['jobgate', root],
      ...(options.against ? [[options.against, options.against]] : []),
    ]) {
      await using scene = await startScene(from as string);
      for (const attack of ATTACKS) {
        say(`neighbours: ${of}, ${attack}`);
        const { times, mbit, failed, healthMs, open } = await scene.run(attack, options.quick ? 3 : 8);
        const figure = (name: string, unit: string, value: number) =>
          figures.push({ name: `${attack}: ${name}`, of: of as string, unit, rounds: [value] });
        figure('small request, p50', 'ms', percentile(times, 50));
        figure('small request, p99', 'ms', percentile(times, 99));
        if (failed > 0) figure('small requests that failed', '', failed);
        figure('download', 'Mbit/s', mbit);
        figure('/healthz at the latest', 'ms', healthMs);
        if (!open) figure('its gateway is closed', '', 1);
      }
    }
    return figures;
  },
};

interface Measured {
  readonly times: readonly number[];
  readonly mbit: number;
  readonly failed: number;
  readonly healthMs: number;
  readonly open: boolean;
}

interface Scene extends AsyncDisposable {
  run(attack: string, seconds: number): Promise<Measured>;
}

/** A serve of a checkout, and two jobs in one worker of it; what they reach is in namespaces of its own for each. */
async function startScene(root: string): Promise<Scene> {
  const cleanup = new Cleanup();
  const quiet = cleanup.use(await startInternet({ hosts: { 'example.com': {} } }));
  const flooded = cleanup.use(
    await startInternet({ hosts: { 'flood.test': { services: { 80: 'canned' } } } }),
  );
  const flood = flooded.addresses['flood.test'] as string;
  quiet.dnsServer.set('flood.test', [flood]);
  quiet.dnsServer.set(
    'crowded.test',
    Array.from({ length: 3_000 }, (_, i) => `93.${i >> 8}.${i & 255}.1`),
  );
  for (let i = 0; i < 64; i++) quiet.dnsServer.set(`n${i}.silent.test`, 'silence');
  // One worker for both; a jobgate that had none yet has one process for all.
  const serve = cleanup.use(await startServe(root, { workers: 1, options: ['--dns', quiet.dns] }));
  const victim = await startJob('victim', ['example.com']);
  const attacker = await startJob('attacker', ['flood.test', 'crowded.test', '.silent.test']);

  async function startJob(name: string, domains: readonly string[]) {
    const jobId = `${name}-${randomBytes(4).toString('hex')}`;
    const { status, body } = await ask(serve.socket, '/v1/gateways', {
      body: { jobId, network: { Domains: domains } },
    });
    if (status !== 201) throw new Error(`no gateway: ${JSON.stringify(body)}`);
    cleanup.add(() => docker('rm', '-f', jobId));
    await docker('run', '-d', '--name', jobId, ...body.docker, JOB_IMAGE, 'sleep', '3600');
    return { jobId, gateway: body.id as string };
  }

  const execute = ({ jobId }: { jobId: string }, what: string, seconds: number) =>
    run('docker', ['exec', jobId, 'node', '-e', SCRIPT, what, String(seconds)], {
      timeoutMs: (seconds + 60) * 1000,
    });

  return {
    async run(attack, seconds) {
      const attacking = execute(attacker, attack, seconds + 2 * AROUND);
      await new Promise((resolve) => setTimeout(resolve, AROUND * 1000));
      let over = false;
      let healthMs = 0;
      const watching = (async () => {
        while (!over) {
          const from = performance.now();
          await ask(serve.socket, '/healthz');
          healthMs = Math.max(healthMs, performance.now() - from);
          await new Promise((resolve) => setTimeout(resolve, 50));
        }
      })();
      const { stdout, stderr } = await execute(victim, 'measure', seconds);
      over = true;
      await Promise.all([watching, attacking]);
      if (!stdout) throw new Error(`nothing measured: ${stderr}`);
      const { times, bytes, failed } = JSON.parse(stdout);
      const { body } = await ask(serve.socket, `/v1/gateways/${victim.gateway}`);
      return { times, failed, healthMs, mbit: (bytes * 8) / seconds / 1e6, open: body.state === 'open' };
    },
    async [Symbol.asyncDispose]() {
      for (const { gateway } of [victim, attacker]) {
        await ask(serve.socket, `/v1/gateways/${gateway}`, { method: 'DELETE' }).catch(() => {});
      }
      await cleanup[Symbol.asyncDispose]();
    },
  };
}
