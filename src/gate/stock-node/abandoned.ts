import type { Abandoned } from '../../service/abandoned.js';
import type { Gate } from '../exchange.js';
import type { Attendance } from './attendance.js';
import type { Execution } from './execution.js';

/** A node that is there opens its streams at once. Told after half the time in which it is removed, where that is shorter. */
const TELL_MS = 60_000;

type Needs = Pick<Gate, 'own' | 'config' | 'asks' | 'service' | 'logger' | 'removed' | 'close'>;

/**
 * Finds the containers that nodes have left behind, says so, and removes them where the operator wants that. They are
 * as enforced as before.
 */
export class AbandonedContainers {
  readonly #gate: Needs;
  readonly #attendance: Attendance;
  readonly #found = new Map<string, Abandoned>();

  constructor(gate: Needs, attendance: Attendance) {
    this.#gate = gate;
    this.#attendance = attendance;
  }

  list(): Abandoned[] {
    return [...this.#found.values()];
  }

  /** To be called now and then, after what the engine has was looked at. */
  async look(): Promise<void> {
    const { own, config } = this.#gate;
    this.#attendance.keep(own.containers);
    for (const id of this.#found.keys()) if (!own.has(id)) this.#found.delete(id);
    const limit = config.gate?.abandonedAfterMs;
    for (const [container, { ofNode }] of [...own.containers]) {
      if (!ofNode) continue;
      const alone = this.#attendance.alone(container);
      if (alone < Math.min(TELL_MS, (limit ?? Number.POSITIVE_INFINITY) / 2)) {
        this.#attended(container);
        continue;
      }
      if (!this.#found.has(container)) this.#tell(container, ofNode, alone);
      if (limit !== undefined && alone >= limit) await this.#remove(container, ofNode);
    }
  }

  #tell(container: string, ofNode: Execution, alone: number): void {
    const since = new Date(Date.now() - alone);
    this.#found.set(container, { ...ofNode, container, since });
    const served = this.#gate.own.gatewayOf(container);
    if (served) served.abandonedSince = since;
    this.#publish(
      ofNode,
      'abandoned',
      'its node follows it no more, and may have started its job again',
      container,
    );
  }

  #attended(container: string): void {
    const served = this.#found.delete(container) && this.#gate.own.gatewayOf(container);
    if (served) served.abandonedSince = undefined;
  }

  async #remove(container: string, ofNode: Execution): Promise<void> {
    const { asks, own, logger } = this.#gate;
    const served = own.gatewayOf(container);
    const { status } = await asks.ask('DELETE', `/containers/${container}?force=1&v=1`);
    if (status !== 204 && status !== 404) {
      logger.warn({ ...ofNode, container, status }, 'an abandoned container cannot be removed');
      return;
    }
    this.#found.delete(container);
    this.#publish(ofNode, 'removed', 'nobody has followed it for Gate.AbandonedAfter', container);
    this.#gate.removed(container);
    // Its network is the node's, which does not come back for it.
    if (served && !served.shared) await this.#gate.close(served, 'its container was abandoned');
  }

  #publish({ node, job, execution }: Execution, state: string, reason: string, container: string): void {
    const { logger, service } = this.#gate;
    logger.warn({ event: 'job', node, job, execution, state, container }, `${state}: ${reason}`);
    service.hub.publish({ type: 'job', time: Date.now(), job, execution, state, reason });
  }
}
