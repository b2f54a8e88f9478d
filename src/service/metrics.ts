import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { WorkersFigures } from '../../proxy/worker/workers.js';
import type { EventHub } from './event-hub.js';
import type { Gateways } from './gateways.js';
import type { ServedGateway } from './served-gateway.js';

interface Totals {
  up: number;
  down: number;
  throttledUp: number;
  throttledDown: number;
}

export interface MetricsOptions {
  readonly gateways: Gateways;
  readonly hub: EventHub;
  readonly workers?: () => WorkersFigures;
}

/** What Prometheus scrapes. No label has a host, a job or an address in it: their number is bounded by the code. */
export class Metrics {
  readonly #registry = new Registry();
  readonly #probes: Histogram<'probe'>;
  readonly #loop = monitorEventLoopDelay({ resolution: 20 });
  readonly #unsubscribe: () => void;
  /** Of gateways that are closed. */
  readonly #past: Totals = { up: 0, down: 0, throttledUp: 0, throttledDown: 0 };

  constructor({ gateways, hub, workers }: MetricsOptions) {
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
    if (workers) {
      new Gauge({
        name: 'jobgate_workers',
        help: 'Processes in which the proxies of gateways on the host are.',
        registers,
        collect() {
          this.set(workers().running);
        },
      });
      new Counter({
        name: 'jobgate_worker_deaths_total',
        help: 'Such processes that ended, or were stuck and killed, while they had gateways.',
        registers,
        collect() {
          this.reset();
          this.inc(workers().deaths);
        },
      });
    }
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
      labelNames: ['quantile'],
      registers,
      collect() {
        for (const quantile of [50, 99, 100]) {
          this.set({ quantile: String(quantile / 100) }, (loop.percentile(quantile) || 0) / 1e9);
        }
        loop.reset();
      },
    });
    new Gauge({
      name: 'jobgate_resident_memory_bytes',
      help: 'Memory of this process.',
      registers,
      collect() {
        this.set(process.memoryUsage.rss());
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
