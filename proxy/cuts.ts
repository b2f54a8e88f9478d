import type { Acceptor } from './accept/acceptor.js';
import type { Spending } from './budget/spending.js';
import type { Decider } from './decide/decider.js';
import type { OriginAgent } from './http/origin-agent.js';
import type { OriginPool } from './http/origin-pool.js';
import type { JudgedTarget } from './policy/judged.js';
import type { Logger } from './policy/logger.js';
import type { Recorder } from './report/recorder.js';
import { subjectOf } from './report/subject.js';
import type { Sessions } from './sessions.js';

interface CutsOptions {
  readonly sessions: Sessions;
  /** Connections to origins that are kept for the next request. */
  readonly agent: OriginAgent;
  readonly pool: OriginPool;
  readonly decider: Decider;
  readonly spending: Spending;
  readonly acceptor: Acceptor;
  readonly recorder: Recorder;
  readonly logger: Logger;
}

/** For what no request of the job is answered with. */
const NOBODY = { id: 0, client: '' };

/** Cuts what a job has open and may not have any more. */
export class Cuts {
  readonly #with: CutsOptions;

  constructor(options: CutsOptions) {
    this.#with = options;
  }

  /** What its policy does not let it reach by now. @returns the connections that were cut, as `unlimited` does. */
  forbidden(): object[] {
    const { sessions, decider } = this.#with;
    const isForbidden = (target: JudgedTarget) => decider.forbids(target) !== undefined;
    this.#discard(isForbidden);
    return sessions.end('policy-changed', ({ target }) => isForbidden(target));
  }

  /** What has begun without a limit: it cannot be put behind one. */
  unlimited(): object[] {
    const { sessions, acceptor } = this.#with;
    const { unlimited } = acceptor;
    const all = new Set<object>(unlimited);
    sessions.end('policy-changed', ({ connection }) => all.has(connection));
    for (const { raw } of unlimited) raw.destroy();
    return unlimited;
  }

  /** The job's budget, or that for a host: what it was for is cut, and then what is refused from now on is said. */
  usedUp(host: string | undefined): void {
    const { sessions, spending, recorder, logger } = this.#with;
    const isMeant = ({ authority }: JudgedTarget) => spending.isUsedUp(authority.host);
    logger.warn({ ...(host !== undefined && { host }) }, 'the budget of the job is used up');
    const ends = new Map<string, JudgedTarget['authority']>();
    this.#discard(isMeant);
    sessions.end('budget-used-up', ({ target }) => {
      if (!isMeant(target)) return false;
      ends.set(`${target.authority.host} ${target.authority.port}`, target.authority);
      return true;
    });
    for (const authority of ends.values()) {
      recorder.denied(subjectOf(NOBODY, { authority }), 'budget-used-up', 0);
    }
    spending.lift(host);
  }

  #discard(isMeant: (target: JudgedTarget) => boolean): void {
    this.#with.agent.discardAll(isMeant);
    this.#with.pool.discardAll(isMeant);
  }
}
