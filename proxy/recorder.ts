import type { DenialReason } from './denial.js';
import { type ClosedEvent, type DecisionEvent, EVENT_VERSION, type ProxyEvent } from './events.js';
import { HostCounts } from './figures.js';
import { FloodGuard } from './flood.js';
import { type Logger, logEvent } from './log.js';

/** What an event is about. */
export interface Subject {
  /** Number and address of the client connection. */
  readonly connection: number;
  readonly client: string;
  readonly method: string;
  readonly host: string;
  readonly port: number;
  /** The job's list does not have the host. */
  readonly learned?: true | undefined;
  /** When it began, ms of `performance.now()`. */
  readonly since: number;
}

export interface RecorderOptions {
  readonly job: string;
  readonly execution?: string | undefined;
  readonly logger: Logger;
  readonly onEvent?: ((event: ProxyEvent) => void) | undefined;
}

/** Makes the events of one proxy: counts each, and tells the log and the listener, floods coalesced. */
export class Recorder {
  readonly hosts = new HostCounts();
  readonly #options: RecorderOptions;
  readonly #guard = new FloodGuard((event) => this.#tell(event));
  readonly #base: Pick<DecisionEvent, 'v' | 'job' | 'execution'>;

  constructor(options: RecorderOptions) {
    this.#options = options;
    const { job, execution } = options;
    this.#base = { v: EVENT_VERSION, job, ...(execution !== undefined && { execution }) };
  }

  allowed(subject: Subject, address: string | undefined): void {
    this.#decided(subject, { decision: 'allow', reason: 'allowed', ...(address && { address }) });
  }

  /** `status` 0: the connection is just closed. */
  denied(subject: Subject, reason: DenialReason, status: number, address?: string): void {
    this.#decided(subject, {
      decision: 'deny',
      reason,
      ...(status > 0 && { status }),
      ...(address && { address }),
    });
  }

  closed(subject: Subject, outcome: Pick<ClosedEvent, 'kind' | 'up' | 'down' | 'reason'>): void {
    const { connection, method, host, port, since } = subject;
    this.#tell({
      ...this.#base,
      type: 'closed',
      time: Date.now(),
      connection,
      method,
      host,
      port,
      ...outcome,
      ms: elapsed(since),
    });
  }

  /** Tells what was held back. */
  flush(): void {
    this.#guard.flush();
  }

  #decided(
    { since, learned, ...subject }: Subject,
    verdict: Pick<DecisionEvent, 'decision' | 'reason' | 'status' | 'address'>,
  ): void {
    const event: DecisionEvent = {
      ...this.#base,
      type: 'decision',
      time: Date.now(),
      ...subject,
      ...verdict,
      ...(learned && { learned }),
      ms: elapsed(since),
    };
    this.hosts.count(event);
    this.#guard.push(event);
  }

  #tell(event: ProxyEvent): void {
    const { logger, onEvent } = this.#options;
    logEvent(logger, event);
    try {
      onEvent?.(event);
    } catch (error) {
      // A listener's mistake must not decide about a job's traffic.
      logger.error({ error: String(error) }, 'a listener of proxy events failed');
    }
  }
}

/**
 * Of a target that was not understood, what can be shown: what stands where the host should be, in printable ASCII,
 * cut. Neither credentials nor a query.
 */
export function printable(target: string): string {
  const authority = target.replace(/^[A-Za-z][A-Za-z0-9+.-]*:\/\//, '').split(/[/?#\\]/, 1)[0] ?? '';
  return authority
    .slice(authority.lastIndexOf('@') + 1)
    .slice(0, 128)
    .replace(/[^!-~]/g, '?');
}

/** Ms with three decimals. */
function elapsed(since: number): number {
  return Math.round((performance.now() - since) * 1000) / 1000;
}
