import { Counter, Gauge, type Registry } from 'prom-client';
import type { LockdownFigures } from '../../../docker/host/lockdown.js';
import type { WorkersFigures } from '../../../proxy/worker/workers.js';

/** What a serve may have beside its gateways. */
export interface Parts {
  /** Of the processes that the proxies are in. */
  readonly workers?: () => WorkersFigures;
  readonly lockdown?: () => LockdownFigures;
  /** Whether the gate can be reached. */
  readonly gate?: (() => boolean) | undefined;
}

/** Metrics of the parts that there are. */
export function addParts(registry: Registry, { workers, lockdown, gate }: Parts): void {
  const registers = [registry];
  const counter = (name: string, help: string, value: () => number) =>
    new Counter({
      name,
      help,
      registers,
      collect() {
        this.reset();
        this.inc(value());
      },
    });
  const gauge = (name: string, help: string, value: () => number) =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(value());
      },
    });
  if (workers) {
    gauge(
      'jobgate_workers',
      'Processes in which the proxies of gateways on the host are.',
      () => workers().running,
    );
    counter(
      'jobgate_worker_deaths_total',
      'Such processes that ended, or were stuck and killed, while they had gateways.',
      () => workers().deaths,
    );
  }
  if (lockdown) {
    counter(
      'jobgate_lockdown_repairs_total',
      'Times that rules of the lock-down were missing while a gateway was open, and were put back.',
      () => lockdown().repairs,
    );
    counter(
      'jobgate_lockdown_failures_total',
      'Times that they could not be put back, and the gateways on the host were closed.',
      () => lockdown().failures,
    );
  }
  if (gate)
    gauge('jobgate_gate_up', 'Whether the gate can be reached at its socket.', () => (gate() ? 1 : 0));
}
