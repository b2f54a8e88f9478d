import type { DenialReason } from '../policy/denials.js';
import type { Logger } from '../policy/logger.js';
import { type ClosedEvent, type DecisionEvent, EVENT_VERSION, type ProxyEvent } from './events.js';
import { HostCounts } from './figures.js';
import { FloodGuard } from './flood.js';
import { tellEvent } from './log.js';
import type { Subject } from './subject.js';

interface RecorderOptions {
  readonly job: string;
  readonly execution?: string | undefined;
  readonly logger: Logger;
  readonly onEvent?: ((event: ProxyEvent) => void) | undefined;
}

/** What else there is to say of a denial. */
export interface About {
  readonly address?: string | undefined;
  /** What exactly is wrong, in words of ours and printable ASCII. */
  readonly detail?: string | undefined;
}

type Outcome = Pick<ClosedEvent, 'kind' | 'up' | 'down' | 'reason'>;

type Writable<E> = { -readonly [K in keyof E]: E[K] };

/**
 * Makes the events of one proxy: counts each, and tells the log and the listener, floods coalesced. Each in one literal: made
 * with spreads, or field after field, events were a tenth of what a request costs.
 */
export class Recorder {
  readonly hosts = new HostCounts();
  readonly #options: RecorderOptions;
  readonly #guard = new FloodGuard((event) => tellEvent(event, this.#options));

  constructor(options: RecorderOptions) {
    this.#options = options;
  }

  /** `learned`: the job's list does not have the host. */
  allowed(subject: Subject, address: string | undefined, learned?: true): void {
    this.#decided(subject, 'allow', 'allowed', 0, address, learned);
  }

  /** `status` 0: the connection is just closed. */
  denied(subject: Subject, reason: DenialReason, status: number, { address, detail }: About = {}): void {
    this.#decided(subject, 'deny', reason, status, address, undefined, detail);
  }

  closed({ connection, method, host, port, since }: Subject, { kind, up, down, reason }: Outcome): void {
    const { job, execution } = this.#options;
    const event: Writable<ClosedEvent> = {
      v: EVENT_VERSION,
      type: 'closed',
      time: Date.now(),
      job,
      connection,
      method,
      host,
      port,
      kind,
      up,
      down,
      reason,
      ms: elapsed(since),
    };
    if (execution !== undefined) event.execution = execution;
    this.#guard.push(event);
  }

  /** Tells what was held back. */
  flush(): void {
    this.#guard.flush();
  }

  #decided(
    subject: Subject,
    decision: DecisionEvent['decision'],
    reason: DecisionEvent['reason'],
    status: number,
    address: string | undefined,
    learned?: true,
    detail?: string,
  ): void {
    const { job, execution } = this.#options;
    const { connection, client, how, method, host, port, since } = subject;
    const event: Writable<DecisionEvent> = {
      v: EVENT_VERSION,
      type: 'decision',
      time: Date.now(),
      job,
      connection,
      client,
      how,
      method,
      host,
      port,
      decision,
      reason,
      ms: elapsed(since),
    };
    if (execution !== undefined) event.execution = execution;
    if (status > 0) event.status = status;
    if (address) event.address = address;
    if (learned) event.learned = true;
    if (detail) event.detail = detail;
    this.hosts.count(event);
    this.#guard.push(event);
  }
}

/** Ms with three decimals. */
function elapsed(since: number): number {
  return Math.round((performance.now() - since) * 1000) / 1000;
}
