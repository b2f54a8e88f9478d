import { get } from 'node:http';
import { fileURLToPath } from 'node:url';
import type { EgressProxy } from '../../../proxy/egress-proxy.js';
import { DEFAULT_OPERATOR_POLICY } from '../../../proxy/policy/policy.js';
import { Workers } from '../../../proxy/worker/workers.js';
import { Cleanup } from '../../support/cleanup.js';
import { pidListeningOn } from '../../support/listener.js';
import type { Section } from '../context.js';
import type { Figure } from '../report.js';
import { percentile } from '../stats.js';

const MAIN = fileURLToPath(new URL('../../support/looping-worker.mjs', import.meta.url));
const JOBS = 50;
const CLIENTS = ['127.0.0.0/8'];
/** What the worker of half of the jobs gets, and how its end comes. */
const FAULTS = [
  ['SIGKILL', 'killed'],
  ['SIGSTOP', 'stopped'],
  ['SIGUSR2', 'in a loop'],
] as const;

interface Job {
  readonly port: number;
  /** When it was answered, and how often it was not. */
  readonly answers: number[];
  failed: number;
}

/** What jobs see of the end of a worker: their own, and another's. */
export const deaths: Section = {
  name: 'deaths',
  title: `A worker of two ends under ${JOBS} jobs, each of which asks all the time`,
  async run({ options, origins, say }) {
    const figures: Omit<Figure, 'section'>[] = [];
    for (const [signal, how] of FAULTS) {
      say(`deaths: ${how}`);
      await using cleanup = new Cleanup();
      const workers = new Workers({ count: 2, main: MAIN });
      const jobs: Job[] = [];
      for (let i = 0; i < JOBS; i++) jobs.push(await open(cleanup, workers, `job-${i}`, origins.http));
      // Before anybody asks: it takes the processor that the asking needs.
      const worker = pidListeningOn((jobs[0] as Job).port);
      const own = jobs.filter(({ port }) => pidListeningOn(port) === worker);
      const others = jobs.filter((job) => !own.includes(job));
      let over = false;
      const asking = jobs.map((job) => askOn(job, origins.http, () => over));
      await pause(1_500);
      process.kill(worker, signal);
      await pause(options.quick ? 5_000 : 8_000);
      over = true;
      await Promise.all(asking);
      const figure = (name: string, unit: string, rounds: readonly number[]) =>
        figures.push({ name: `${how}: ${name}`, of: 'jobgate', unit, rounds });
      figure(`its ${own.length} jobs, longest without an answer`, 'ms', own.map(longestGap));
      figure(
        'its jobs, requests that failed',
        '',
        own.map(({ failed }) => failed),
      );
      figure(`the ${others.length} others, longest without an answer`, 'ms', others.map(longestGap));
      figure(
        'the others, requests that failed',
        '',
        others.map(({ failed }) => failed),
      );
      figure('worst of its jobs', 'ms', [percentile(own.map(longestGap), 100)]);
    }
    return figures;
  },
};

async function open(cleanup: Cleanup, workers: Workers, name: string, port: number): Promise<Job> {
  const operator = {
    ...DEFAULT_OPERATOR_POLICY,
    allowAddresses: CLIENTS,
    addHosts: [['bench.test', '127.0.0.1']] as const,
  };
  const policy = { job: { job: name, allow: [`bench.test:${port}`], rate: 10_000_000 }, operator };
  const proxy: EgressProxy = cleanup.use(workers.createProxy(policy));
  const bound = await proxy.listen({ host: '127.0.0.1', port: 0, clients: CLIENTS });
  return { port: bound.port, answers: [], failed: 0 };
}

async function askOn(job: Job, origin: number, isOver: () => boolean): Promise<void> {
  while (!isOver()) {
    if (await answered(job.port, `http://bench.test:${origin}/`)) job.answers.push(performance.now());
    else job.failed++;
    await pause(100);
  }
}

const answered = (port: number, path: string) =>
  new Promise<boolean>((resolve) => {
    get({ host: '127.0.0.1', port, path, agent: false }, (response) => {
      response.resume().once('end', () => resolve(response.statusCode === 200));
      response.once('error', () => resolve(false));
    }).once('error', () => resolve(false));
  });

function longestGap({ answers }: Job): number {
  return answers.slice(1).reduce((most, at, i) => Math.max(most, at - (answers[i] as number)), 0);
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
