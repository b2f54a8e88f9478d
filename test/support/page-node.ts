import { vi } from 'vitest';
import { Ledger } from '../../proxy/budget/ledger.js';
import type { DenialReason } from '../../proxy/policy/denials.js';
import { addFigures, type Figures, NO_FIGURES } from '../../proxy/report/figures.js';
import type { AdmittedJob } from '../../src/job/admit.js';
import { ServedJob } from '../../src/service/jobs.js';
import type { ServedGateway } from '../../src/service/served-gateway.js';
import { Cleanup } from './cleanup.js';
import { PAGE_JOBS, type PageJob } from './page-jobs.js';
import { type AskOptions, ask } from './serve.js';
import { ALL_PARTS, FakeEngine, startService, type TestService } from './service.js';

export const PAGE_TOKEN = 'a-token-of-some-length';
/** When the node was started. */
const BEGAN = new Date('2026-03-04T13:00:00Z');

const STEP_MS = 10_000;
const STEPS = 360;
/** bit/s */
const RATE = 10_000_000;

/** A node that has had forty jobs in an hour; without an engine, its proxies real. Time stands still unless told to pass. */
export interface PageNode extends AsyncDisposable {
  readonly served: TestService;
  readonly address: string;
  gateway(job: string): ServedGateway;
  /** Where the proxy of a job listens, on 127.0.0.1. */
  portOf(job: string): number;
  /** As its node's daemon. */
  ask(path: string, options?: AskOptions): ReturnType<typeof ask>;
  /** Lets time pass, and jobs do what they do in it. */
  pass(ms: number): void;
}

/** @param flags settings of its serve. */
export async function startPageNode(flags: object = {}): Promise<PageNode> {
  const cleanup = new Cleanup();
  vi.useFakeTimers({ toFake: ['Date', 'performance'], now: BEGAN });
  cleanup.add(() => vi.useRealTimers());
  const served = cleanup.use(
    await startService(
      { rate: '10mbit', unusedAfter: '20h', ...flags },
      {
        token: PAGE_TOKEN,
        engine: Object.assign(new FakeEngine(), { version: '28.5.2' }),
        parts: {
          ...ALL_PARTS,
          workers: () => ({
            ...{ running: 2, deaths: 0 },
            processes: [17, 13].map((proxies, i) => ({ pid: process.pid + i, proxies })),
          }),
          lockdown: () => ({ checks: 1, repairs: 0, failures: 0, standing: { time: Date.now() - 3_000 } }),
        },
      },
    ),
  );
  const { service } = served;
  const doings = new Map<ServedGateway, Doing>();
  const headers = { authorization: `Bearer ${PAGE_TOKEN}` };
  const asNode: PageNode['ask'] = (path, options) =>
    ask(served.port, path, { ...options, headers: { ...headers, ...options?.headers } });
  const runs: ServedJob[] = [];
  Object.assign(service.jobs, {
    list: () => runs,
    get: (id: string) => runs.find(({ job }) => job.id === id) ?? Reflect.getPrototypeOf(service.jobs),
  });
  cleanup.add(() => {
    runs.length = 0;
  });

  const sample = () => {
    const now = performance.now();
    for (const one of service.gateways.list()) one.sample(now);
    service.overview.sample(now);
  };
  const pass = (ms: number) => {
    for (let left = ms; left > 0; left -= 500) {
      for (const doing of doings.values()) doing.pass(Math.min(left, 500));
      vi.advanceTimersByTime(Math.min(left, 500));
      sample();
    }
  };

  const open = async (job: PageJob) => {
    const one = job.log ? await openRun(served, job, runs) : await openGateway(served, job, asNode);
    if (job.name !== undefined) one.policy = { ...one.policy, name: job.name };
    const doing = new Doing(job);
    const figures = one.gateway.figures;
    one.gateway.figures = () => addFigures(doing.figures(), figures());
    one.bytesOf = (host, port) => doing.bytesOf(host, port);
    const container = { id: `${job.id}-c1`, name: `${job.id}-1`, address: '', breaches: job.breaches ?? [] };
    service.accounts.connected(one.id, container.id, container.name);
    one.setContainers([{ ...container, enforced: !job.breaches }]);
    // There is no engine that could see one.
    one.setContainers = () => {};
    doings.set(one, doing);
  };
  const close = async (job: PageJob) => {
    const one = service.gateways.list().find((each) => each.ids.job === job.id);
    const run = runs.find((each) => each.job.id === job.id);
    if (run) end(run, job);
    if (one && !one.ofJob) await service.gateways.close(one.id, { reason: 'asked to' });
    if (one) doings.delete(one);
  };

  for (let step = 0; step < STEPS; step++) {
    for (const job of PAGE_JOBS.filter((each) => each.from === step)) await open(job);
    for (const job of PAGE_JOBS.filter((each) => each.until === step)) await close(job);
    for (const doing of doings.values()) doing.pass(STEP_MS);
    if (step % 37 === 20) {
      const shouldBid = step % 74 !== 20;
      const reason = shouldBid ? '' : 'the image mallory/miner is none that this node runs';
      service.hub.publish({ type: 'admission', time: Date.now(), job: `asked-${step}`, shouldBid, reason });
    }
    vi.advanceTimersByTime(STEP_MS);
    if (step < STEPS - 1) sample();
  }
  sample();
  pass(8_000);
  const gateway = (job: string) => {
    const found = service.gateways.list().find(({ ids }) => ids.job === job);
    if (!found) throw new Error(`no gateway of ${job}`);
    return found;
  };
  return {
    served,
    address: `http://127.0.0.1:${served.port}`,
    gateway,
    portOf: (job) => served.gateways.proxies.get(gateway(job).id)?.port ?? 0,
    ask: asNode,
    pass,
    [Symbol.asyncDispose]: () => cleanup[Symbol.asyncDispose](),
  };
}

async function openGateway({ service }: TestService, job: PageJob, asNode: PageNode['ask']) {
  const network = { Type: 'HTTP', Domains: job.domains };
  const body = { jobId: job.id, network, ...(job.budget && { budget: job.budget }) };
  const answer = await asNode('/v1/gateways', { body });
  if (answer.status !== 201) throw new Error(JSON.stringify(answer.body));
  return service.gateways.get(answer.body.id);
}

/** One that serve runs itself, but that there is no engine. */
async function openRun({ service, gateways }: TestService, job: PageJob, runs: ServedJob[]) {
  const admitted = {
    id: job.id,
    name: job.name,
    engine: { type: 'docker', image: 'registry.example/weather:4', command: [], env: {} },
    network: { type: 'HTTP', domains: job.domains },
    ...{ ignored: [], inputs: [], resources: {}, spec: {} },
  } as unknown as AdmittedJob;
  const run = new ServedJob(admitted);
  run.state = 'running';
  run.log.sink('stdout').write(job.log ?? '');
  runs.push(run);
  const budget = { down: 4_000_000_000, up: 1_000_000_000 };
  const policy = { job: job.id, allow: job.domains, rate: RATE, budget };
  const ledger = new Ledger({ spent: { down: 2_590_000_000, up: 288_000_000, hosts: [] } });
  ledger.budget = budget;
  const opened = await gateways.open({
    policy: { job: policy, operator: service.config.operator },
    onEvent: (event: object) => service.hub.publish({ ...event, gateway: opened.id } as never),
    ledger,
  } as never);
  service.gateways.track(opened, policy, admitted, ledger);
  return service.gateways.get(opened.id);
}

function end(run: ServedJob, { failed }: PageJob): void {
  run.state = failed === undefined ? 'ended' : 'failed';
  run.reason = failed;
  run.endedAt = new Date();
  run.log.end();
}

/** What a job does in time: bytes and decisions, the same in each run of a test. */
class Doing {
  #seconds = 0;
  #up = 0;
  #down = 0;
  #allowed = 0;
  readonly #job: PageJob;

  constructor(job: PageJob) {
    this.#job = job;
  }

  pass(ms: number): void {
    const { load, seed } = this.#job;
    const seconds = ms / 1000;
    this.#seconds += seconds;
    // Waves and bursts below the limit.
    const wave = 0.5 + 0.5 * Math.sin(this.#seconds / (90 + seed * 17) + seed);
    const burst = Math.floor(this.#seconds / 40 + seed) % 7 === 0 ? 0.5 : 0;
    const share = Math.min(0.97, load * (0.25 + 0.75 * wave) + load * burst);
    this.#down += (share * RATE * seconds) / 8;
    this.#up += (share * RATE * seconds) / 8 / (6 + (seed % 9));
    this.#allowed += share * seconds * 0.4;
  }

  figures(): Figures {
    const { reached, refused, load } = this.#job;
    const minutes = this.#seconds / 60;
    const hosts = [
      ...reached.map((host, i) => ({
        ...{ host, port: 443, denied: {} },
        allowed: Math.round(this.#allowed / (i + 1)),
      })),
      ...refused.map(({ host, port, reason, perMinute }) => ({
        ...{ host, port, allowed: 0 },
        denied: { [reason]: Math.max(1, Math.round(minutes * perMinute)) } as Partial<
          Record<DenialReason, number>
        >,
      })),
    ];
    const sum = (list: readonly number[]) => list.reduce((all, one) => all + one, 0);
    return {
      ...NO_FIGURES,
      up: Math.round(this.#up),
      down: Math.round(this.#down),
      connections: load > 0 ? 1 + reached.length : 0,
      allowed: sum(hosts.map(({ allowed }) => allowed)),
      denied: sum(hosts.flatMap(({ denied }) => Object.values(denied))),
      throttledMs: { up: 0, down: Math.round(this.#seconds * load * 40) },
      hosts,
    };
  }

  bytesOf(host: string, port: number) {
    const place = this.#job.reached.indexOf(host);
    if (place < 0 || port !== 443) return undefined;
    const part = 0.6 / 2 ** place;
    return { up: Math.round(this.#up * part), down: Math.round(this.#down * part) };
  }
}
