import { setTimeout as sleep } from 'node:timers/promises';
import { engineMessage } from '../../../docker/engine/errors.js';
import { formatBudget } from '../../../proxy/policy/budget.js';
import type { Logger } from '../../../proxy/policy/logger.js';
import { PolicyError } from '../../../proxy/policy/policy-error.js';
import { ApiError } from '../api-error.js';
import type { EventHub } from '../event-hub.js';
import type { ServedGateway } from '../served-gateway.js';
import { assertMatches } from './if-match.js';
import { difference, isWider, jobPolicyOf, type LivePolicy, nextEnd, withoutEnded } from './live-policy.js';
import type { PolicyStore } from './policy-store.js';

interface PolicyChangesOptions {
  readonly store: PolicyStore;
  readonly hub: EventHub;
  readonly logger: Logger;
  /** Id of the engine, for what is stored; empty where it cannot be asked. */
  readonly engineId: () => Promise<string>;
  /** Asks the node's admission about a gateway's job. @throws AdmissionRefused, ApiError `invalid-request` */
  readonly admit: (served: ServedGateway, domains: readonly string[]) => Promise<unknown>;
  /** Closes a gateway whose time is over. */
  readonly close: (served: ServedGateway, reason: string) => Promise<unknown>;
}

interface Asked {
  readonly ifMatch: string | undefined;
  /** What the policy becomes. @throws ApiError */
  readonly change: (policy: LivePolicy) => LivePolicy;
  /** Who asks, for events. */
  readonly by: string;
}

export interface Changed {
  /** Connections of the job that were cut. */
  readonly cut: number;
  /** Whether it outlives this serve. */
  readonly kept: boolean;
}

/** Longest wait for an end: the clock of the machine may be set meanwhile, ms. */
const LOOK_MS = 60_000;
/** Names that a line of the log has of each list. */
const MAX_LOGGED = 20;

/** Changes the policies of gateways while their jobs run, one change of a gateway after the other, and ends what ends. */
export class PolicyChanges {
  readonly #options: PolicyChangesOptions;
  readonly #turns = new WeakMap<ServedGateway, Promise<unknown>>();
  readonly #timers = new Map<ServedGateway, NodeJS.Timeout>();

  constructor(options: PolicyChangesOptions) {
    this.#options = options;
  }

  /**
   * Settles once the new policy holds, in the proxy and on the disk. Admission is asked unless the change only takes
   * away: nothing is to be in the way of that.
   *
   * @throws ApiError (`conflict` for a gateway that is not open, `unavailable` for a change that a restart would undo,
   *   and those of the precondition), AdmissionRefused; nothing is changed then.
   */
  change(served: ServedGateway, { ifMatch, change, by }: Asked): Promise<Changed> {
    return this.#inTurn(served, async () => {
      const { live } = served;
      assertOpen(served);
      assertMatches(ifMatch, served.revision);
      const next = change(live);
      if (served.ofJob && next.expires !== undefined) {
        throw ApiError.invalid([
          { path: 'expires', problem: 'the gateway is that of a job, and closes with it: delete the job' },
        ]);
      }
      if (!difference(live, next)) return { cut: 0, kept: !isWider(next, served.kept) };
      if (next.allow.length > 0 && isWider(live, next)) {
        await this.#options.admit(
          served,
          next.allow.map(({ domain }) => domain),
        );
        assertOpen(served);
      }
      const kept = await this.#keep(served, next);
      try {
        return { cut: await this.#become(served, next, by), kept };
      } catch (error) {
        // Where it is closed, what is stored went with its network, or says so.
        if (!isClosing(served)) await this.#keep(served, live);
        if (error instanceof PolicyError) throw ApiError.invalid([{ path: '', problem: error.message }]);
        throw new ApiError(
          'conflict',
          `the policy of gateway ${served.id} cannot be changed: ${engineMessage(error)}`,
        );
      }
    });
  }

  /** Has a gateway that was opened with entries that end, or an end of its own, lose them in time. */
  watch(served: ServedGateway): void {
    clearTimeout(this.#timers.get(served));
    const wait = nextEnd(served.live) - Date.now();
    if (served.state === 'closed' || wait === Number.POSITIVE_INFINITY) {
      this.#timers.delete(served);
      return;
    }
    const timer = setTimeout(() => void this.#end(served), Math.max(0, Math.min(wait, LOOK_MS)));
    this.#timers.set(served, timer.unref());
  }

  /** Of a gateway that was opened again: what ended while nobody served it. */
  tellEnded(served: ServedGateway, stored: LivePolicy): void {
    this.#tell(served, stored, { cut: 0, by: 'expiry' });
  }

  /**
   * It is closed or has failed, and its network is there yet: whoever serves next is not to open it again, whatever the clock says by
   * then. Never throws.
   */
  async keepClosed({ gateway, live, ids }: ServedGateway): Promise<void> {
    const { store, logger } = this.#options;
    try {
      await store.write(gateway.network.id, { ...live, expires: 0 }, await this.#options.engineId());
    } catch (error) {
      const problem = engineMessage(error);
      logger.warn(
        { ...ids, problem },
        'a restart of serve now would open a gateway again that is over: it cannot be kept',
      );
    }
  }

  /** It is closed. */
  forget(served: ServedGateway): void {
    clearTimeout(this.#timers.get(served));
    this.#timers.delete(served);
  }

  close(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
  }

  /** What is stored keeps its ends, which hold for whoever reads it. */
  async #end(served: ServedGateway): Promise<void> {
    await this.#inTurn(served, async () => {
      const now = Date.now();
      const { live } = served;
      if (served.state !== 'open' || nextEnd(live) > now) return;
      if (live.expires !== undefined && live.expires <= now) {
        await this.#options.close(served, 'its time is over');
      } else {
        await this.#become(served, withoutEnded(live, now), 'expiry');
      }
    }).catch(async (error) => {
      // It could not be closed, say. It is tried again.
      this.#options.logger.error({ ...served.ids, err: error }, 'what has ended is not ended yet');
      await sleep(1_000, undefined, { ref: false });
    });
    if (served.state === 'open') this.watch(served);
  }

  async #become(served: ServedGateway, next: LivePolicy, by: string): Promise<number> {
    const before = served.live;
    const { allow, deny, rate, budget = null } = jobPolicyOf(served.policy, next);
    // What is granted of the same budget stays granted.
    const isOther = formatBudget(budget) !== formatBudget(before.budget);
    const { cut } = await served.gateway.change({ allow, deny, rate, ...(isOther && { budget }) });
    served.become(next);
    this.#tell(served, before, { cut, by });
    this.watch(served);
    return cut;
  }

  /** @returns false where it is not stored, and what is lets nothing through that it does not. */
  async #keep(served: ServedGateway, next: LivePolicy): Promise<boolean> {
    // Nothing of it outlives this serve.
    if (served.ofJob) return true;
    const { store, logger } = this.#options;
    try {
      await store.write(served.gateway.network.id, next, await this.#options.engineId());
      served.kept = next;
      return true;
    } catch (error) {
      const problem = engineMessage(error);
      if (isWider(next, served.kept)) {
        throw new ApiError(
          'unavailable',
          `the change cannot be kept, and a restart of serve would undo it: ${problem}; give serve a folder that it can write to with --state-directory, or close the gateway`,
        );
      }
      logger.warn(
        { ...served.ids, problem },
        'the change of a policy holds until this serve ends: it cannot be kept',
      );
      return false;
    }
  }

  #tell(served: ServedGateway, before: LivePolicy, { cut, by }: { cut: number; by: string }): void {
    const policy = difference(before, served.live);
    if (!policy) return;
    const { hub, logger } = this.#options;
    const { id: gateway, revision, ids } = served;
    const about = { ...ids, gateway, revision, cut, by };
    hub.publish({ type: 'gateway', time: Date.now(), change: 'policy-changed', ...about, policy });
    const logged = Object.fromEntries(
      Object.entries(policy).map(([name, value]) => [name, Array.isArray(value) ? shortened(value) : value]),
    );
    logger.info({ event: 'gateway', change: 'policy-changed', ...about, ...logged }, 'policy changed');
  }

  #inTurn<T>(served: ServedGateway, work: () => Promise<T>): Promise<T> {
    const turn = (this.#turns.get(served) ?? Promise.resolve()).catch(() => {}).then(work);
    this.#turns.set(served, turn);
    return turn;
  }
}

function assertOpen({ id, state }: ServedGateway): void {
  if (state !== 'open')
    throw new ApiError('conflict', `gateway ${id} is ${state}: its policy cannot be changed`);
}

const isClosing = ({ state }: ServedGateway) => state === 'draining' || state === 'closed';

function shortened(list: readonly unknown[]): unknown[] {
  const names = list.slice(0, MAX_LOGGED);
  return list.length > names.length ? [...names, `and ${list.length - names.length} more`] : names;
}
