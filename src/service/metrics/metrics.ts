import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { DENIALS } from '../../../proxy/policy/denials.js';
import { packageVersion } from '../../../proxy/util/package-files.js';
import { type EventHub, GATEWAY_CHANGES } from '../event-hub.js';
import type { Gateways } from '../gateways.js';
import { JOB_STATES, type ServedJob } from '../jobs.js';
import type { ServedGateway } from '../served-gateway.js';
import { addParts, type Parts } from './parts.js';
import { addProcess } from './process.js';

interface Totals {
  up: number;
  down: number;
  throttledUp: number;
  throttledDown: number;
}

export interface MetricsOptions {
  readonly gateways: Gateways;
  readonly hub: EventHub;
  readonly jobs: () => readonly Pick<ServedJob, 'state'>[];
  /** Whether it answers. */
  readonly engine: () => boolean;
  readonly parts?: Parts | undefined;
}

/** What Prometheus scrapes. No label has a host, a job or an address in it: their number is bounded by the code. */
export class Metrics {
  readonly #registry = new Registry();
  readonly #probes: Histogram<'probe'>;
  readonly #loop = monitorEventLoopDelay({ resolution: 20 });
  readonly #unsubscribe: () => void;
  /** Of gateways that are closed. */
  readonly #past: Totals = { up: 0, down: 0, throttledUp: 0, throttledDown: 0 };

  constructor({ gateways, hub, jobs, engine, parts = {} }: MetricsOptions) {
    const registers = [this.#registry];
    const sum = (of: (one: ServedGateway) => number) =>
      gateways.list().reduce((all, one) => all + of(one), 0);
    const totals = () => {
      const all = { ...this.#past };
      for (const { gateway } of gateways.list()) add(all, gateway.figures());
      return all;
    };
    const decisions = new Counter({
      name: 'jobgate_decisions_total',
      help: 'Decisions of the egress proxies, by reason.',
      labelNames: ['decision', 'reason'],
      registers,
    });
    const verdicts = new Counter({
      name: 'jobgate_admission_verdicts_total',
      help: 'Verdicts of admission.',
      labelNames: ['verdict'],
      registers,
    });
    const changes = new Counter({
      name: 'jobgate_gateway_changes_total',
      help: 'Gateways opened, closed and so on, and containers that came, left, or broke the contract.',
      labelNames: ['change'],
      registers,
    });
    // What never happened is 0: only so can a first time be seen to be one more.
    decisions.inc({ decision: 'allow', reason: 'allowed' }, 0);
    for (const reason of Object.keys(DENIALS)) decisions.inc({ decision: 'deny', reason }, 0);
    for (const verdict of ['accepted', 'refused']) verdicts.inc({ verdict }, 0);
    for (const change of GATEWAY_CHANGES) changes.inc({ change }, 0);
    this.#unsubscribe = hub.subscribe((event) => {
      if (event.type === 'decision')
        decisions.inc({ decision: event.decision, reason: event.reason }, event.count ?? 1);
      else if (event.type === 'admission')
        verdicts.inc({ verdict: event.shouldBid ? 'accepted' : 'refused' });
      else if (event.type === 'gateway') changes.inc({ change: event.change });
    });
    new Counter({
      name: 'jobgate_bytes_total',
      help: 'Bytes between jobs and their proxies; up is from the job.',
      labelNames: ['direction'],
      registers,
      collect() {
        const { up, down } = totals();
        this.reset();
        this.inc({ direction: 'up' }, up);
        this.inc({ direction: 'down' }, down);
      },
    });
    new Counter({
      name: 'jobgate_throttled_seconds_total',
      help: 'Time in which at least one connection of a job waited for its limit.',
      labelNames: ['direction'],
      registers,
      collect() {
        const { throttledUp, throttledDown } = totals();
        this.reset();
        this.inc({ direction: 'up' }, throttledUp / 1000);
        this.inc({ direction: 'down' }, throttledDown / 1000);
      },
    });
    new Gauge({
      name: 'jobgate_connections',
      help: 'Open connections of jobs to their proxies.',
      registers,
      collect() {
        this.set(sum(({ gateway }) => gateway.figures().connections));
      },
    });
    new Gauge({
      name: 'jobgate_gateways',
      help: 'Gateways, by state.',
      labelNames: ['state'],
      registers,
      collect() {
        for (const state of ['open', 'draining', 'failed'] as const) {
          this.set(
            { state },
            sum((one) => (one.state === state ? 1 : 0)),
          );
        }
      },
    });
    new Gauge({
      name: 'jobgate_jobs',
      help: 'Jobs that this serve runs itself, by state; those that ended are remembered for a while.',
      labelNames: ['state'],
      registers,
      collect() {
        const all = jobs();
        for (const state of JOB_STATES) this.set({ state }, all.filter((one) => one.state === state).length);
      },
    });
    new Gauge({
      name: 'jobgate_budgets',
      help: 'Gateways with a budget, by what is left of it: used-up where there is none, in a direction or with a host.',
      labelNames: ['state'],
      registers,
      collect() {
        const bounded = gateways.list().filter(({ ledger }) => ledger.budget !== null);
        const usedUp = bounded.filter(({ ledger }) => ledger.isUsedUp).length;
        this.set({ state: 'used-up' }, usedUp);
        this.set({ state: 'left' }, bounded.length - usedUp);
      },
    });
    new Gauge({
      name: 'jobgate_engine_up',
      help: 'Whether the engine answers.',
      registers,
      collect() {
        this.set(engine() ? 1 : 0);
      },
    });
    new Gauge({
      name: 'jobgate_build_info',
      help: 'Always 1: the version of jobgate, and of the Node that runs it.',
      labelNames: ['version', 'node'],
      registers,
    }).set({ version: packageVersion(), node: process.versions.node }, 1);
    addParts(this.#registry, parts);
    addProcess(this.#registry);
    this.#probes = new Histogram({
      name: 'jobgate_probe_seconds',
      help: 'Time that admission probes took to answer.',
      labelNames: ['probe'],
      buckets: [0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60],
      registers,
    });
    const loop = this.#loop;
    loop.enable();
    new Gauge({
      name: 'jobgate_event_loop_delay_seconds',
      help: 'Delay of the event loop since the last scrape.',
      labelNames: ['stat'],
      registers,
      collect() {
        for (const [stat, percent] of [
          ['median', 50],
          ['p99', 99],
          ['max', 100],
        ] as const) {
          this.set({ stat }, (loop.percentile(percent) || 0) / 1e9);
        }
        loop.reset();
      },
    });
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  text(): Promise<string> {
    return this.#registry.metrics();
  }

  probed(rule: string, ms: number): void {
    this.#probes.observe({ probe: rule }, ms / 1000);
  }

  closed({ gateway }: ServedGateway): void {
    add(this.#past, gateway.figures());
  }

  close(): void {
    this.#unsubscribe();
    this.#loop.disable();
    this.#registry.clear();
  }
}

function add(totals: Totals, figures: ReturnType<ServedGateway['gateway']['figures']>): void {
  totals.up += figures.up;
  totals.down += figures.down;
  totals.throttledUp += figures.throttledMs.up;
  totals.throttledDown += figures.throttledMs.down;
}
