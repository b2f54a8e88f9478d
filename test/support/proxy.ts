import { createEgressProxy, type EgressProxy } from '../../proxy/egress-proxy.js';
import type { Bound } from '../../proxy/listeners.js';
import type { Logger } from '../../proxy/policy/logger.js';
import {
  DEFAULT_LIMITS,
  DEFAULT_OPERATOR_POLICY,
  type JobPolicy,
  type Limits,
  type OperatorPolicy,
} from '../../proxy/policy/policy.js';
import type { ClosedEvent, DecisionEvent, ProxyEvent } from '../../proxy/report/events.js';

export interface TestProxyOptions
  extends Partial<Omit<OperatorPolicy, 'limits'>>,
    Partial<Omit<JobPolicy, 'job'>> {
  readonly limits?: Partial<Limits>;
  readonly clients?: readonly string[];
  readonly logger?: Logger;
  /** Default: as `JOBGATE_TEST_NODE_HTTP` says, with which whole files run on the other way as well. */
  readonly nodeHttp?: boolean;
  /** Ports that programs connect to that know of no proxy; any, names are answered as well. Default: none. */
  readonly direct?: readonly number[];
}

/** A listening proxy and everything it said. */
export interface TestProxy extends AsyncDisposable {
  readonly proxy: EgressProxy;
  readonly port: number;
  /** Where names are answered. */
  readonly names: number;
  /** Where a program's connection to a port arrives. */
  direct(port: number): number;
  readonly events: readonly ProxyEvent[];
  /** Decisions so far, oldest first. */
  readonly decisions: readonly DecisionEvent[];
  /** Reasons of the denials so far. */
  readonly denials: readonly string[];
  /** Resolves with the first `closed` event that satisfies the test, past or to come. */
  closed(test?: (event: ClosedEvent) => boolean): Promise<ClosedEvent>;
  /** Resolves with the first decision that satisfies the test, past or to come. */
  decided(test: (event: DecisionEvent) => boolean): Promise<DecisionEvent>;
}

/** Loopback as the operator's exception: where the origins of tests are. */
export const LOOPBACK = ['127.0.0.0/8', '::1/128'];

/**
 * A proxy on loopback for the job `job-1`, unlimited, that asks no name server: names resolve by `addHosts` alone
 * unless `dns` is given. Its default allowlist is `.allowed.test`, all of it at 127.0.0.1.
 */
export async function startProxy(options: TestProxyOptions = {}): Promise<TestProxy> {
  const { limits, clients = LOOPBACK, logger, direct, allow, rate, execution, learn, ...others } = options;
  const { nodeHttp = process.env.JOBGATE_TEST_NODE_HTTP === 'yes', ...operator } = others;
  const events: ProxyEvent[] = [];
  const waiting = new Set<() => void>();
  const made = () =>
    createEgressProxy(
      {
        job: {
          job: 'job-1',
          allow: allow ?? ['.allowed.test'],
          rate: rate ?? null,
          ...(execution && { execution }),
          ...(learn && { learn }),
        },
        operator: {
          ...DEFAULT_OPERATOR_POLICY,
          allowAddresses: LOOPBACK,
          addHosts: [['allowed.test', '127.0.0.1']],
          // Nothing listens there: a look-up that should not be fails at once and leaves no packet.
          dns: '127.0.0.1:1',
          ...operator,
          // All proxies of a test file have the same destination: loopback.
          limits: { ...DEFAULT_LIMITS, destinationConnectionsPerSecond: 1_000_000, ...limits },
        },
      },
      {
        ...(logger && { logger }),
        nodeHttp,
        onEvent: (event) => {
          events.push(event);
          for (const wake of waiting) wake();
        },
      },
    );
  const listen = {
    host: '127.0.0.1',
    port: 0,
    clients,
    ...(direct && { direct: { names: 0, ports: direct.map((port) => [port, 0] as const) } }),
  };
  let proxy = made();
  let bound: Bound | undefined;
  for (let attempt = 1; bound === undefined; attempt++) {
    try {
      bound = await proxy.listen(listen);
    } catch (error) {
      await proxy.close();
      // A free port for names by TCP may be taken by UDP.
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE' || attempt === 5) throw error;
      proxy = made();
    }
  }
  const find = <E extends ProxyEvent>(test: (event: ProxyEvent) => event is E): Promise<E> =>
    new Promise((resolve) => {
      const look = () => {
        const found = events.find(test);
        if (found === undefined) return;
        waiting.delete(look);
        resolve(found);
      };
      waiting.add(look);
      look();
    });
  return {
    proxy,
    port: bound.port,
    names: bound.direct?.names ?? 0,
    direct: (port) => bound.direct?.ports.find(([logical]) => logical === port)?.[1] ?? 0,
    events,
    get decisions() {
      return events.filter((event) => event.type === 'decision');
    },
    get denials() {
      return events.flatMap((event) =>
        event.type === 'decision' && event.decision === 'deny' ? [event.reason] : [],
      );
    },
    closed: (test = () => true) =>
      find((event): event is ClosedEvent => event.type === 'closed' && test(event)),
    decided: (test) => find((event): event is DecisionEvent => event.type === 'decision' && test(event)),
    [Symbol.asyncDispose]: () => proxy.close(),
  };
}
