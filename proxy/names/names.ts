import type { ConnectionRate } from '../accept/connection-rate.js';
import type { Decider } from '../decide/decider.js';
import { type CanonicalHost, parseHost } from '../policy/authority.js';
import type { DenialReason } from '../policy/denials.js';
import type { Refuser } from '../refuse/refuser.js';
import { printable, type Subject } from '../report/subject.js';
import { type Clock, systemClock } from '../util/clock.js';
import { type Answer, writeAnswer, writeError } from './answer.js';
import { type Question, readQuestion, TYPE } from './question.js';

export interface NamesParts {
  readonly decider: Pick<Decider, 'mayName'>;
  readonly refuser: Pick<Refuser, 'unanswered'>;
  /** Questions; one beyond is not answered. */
  readonly rate: Pick<ConnectionRate, 'admit'>;
  readonly clock?: Clock;
}

/** Who asks. */
export interface Asker {
  readonly client: string;
  /** Number of its connection; 0 over UDP, which has none. */
  readonly id: number;
}

const LOOPBACK = { 4: [127, 0, 0, 1], 6: [...Array(15).fill(0), 1] } as const;
/** Resolvers ask for both families: the second question for a name within so many ms is the same refusal. */
const TWIN_MS = 2_000;
/** Names whose twins are known. */
const MAX_TWINS = 64;

/**
 * Answers the DNS questions of one job by its policy alone: nothing is looked up, nothing is passed on. A name that the
 * job may reach is the gateway; what connects there is judged like any other connection.
 */
export class Names {
  readonly #with: NamesParts;
  readonly #clock: Clock;
  readonly #twins = new Map<string, { readonly type: number; readonly at: number }>();
  /** The gateway's address, as four bytes. */
  #gateway: readonly number[] = LOOPBACK[4];

  constructor(parts: NamesParts) {
    this.#with = parts;
    this.#clock = parts.clock ?? systemClock;
  }

  /** What allowed names are: an IPv4 address. */
  set gateway(address: string) {
    this.#gateway = address.split('.').map(Number);
  }

  /** What is answered; undefined where nothing is. `late`: the job asks more than it may. */
  answer(message: Buffer, asker: Asker): Buffer | 'late' | undefined {
    if (!this.#with.rate.admit()) {
      this.#refused(asker, 'too-many-lookups', '');
      return 'late';
    }
    const reading = readQuestion(message);
    if (reading.is !== 'question') this.#refused(asker, 'malformed-request', '');
    if (reading.is === 'noise') return undefined;
    if (reading.is === 'error') return writeError(message, reading.rcode, reading.section);
    return writeAnswer(message, reading.question, this.#judge(reading.question, asker));
  }

  #judge({ name, type }: Question, asker: Asker): Answer {
    const parsed = parseHost(name);
    const host = parsed.ok && parsed.value.kind === 'name' ? parsed.value.host : undefined;
    if (host === 'localhost' || host?.endsWith('.localhost')) {
      return { is: 'address', bytes: LOOPBACK[type === TYPE.AAAA ? 6 : 4] };
    }
    const reason = host === undefined ? 'domain-not-allowed' : this.#with.decider.mayName(host);
    if (reason === 'allowed') return { is: 'address', bytes: this.#gateway };
    // Nobody means to reach what reverse look-ups ask for; of the other two questions for a name one is told.
    if (type !== TYPE.PTR && name !== '' && !this.#isTwin(host ?? name, type)) {
      this.#refused(asker, reason, host ?? printable(name));
    }
    return { is: 'blocked', why: WHY[reason] };
  }

  #isTwin(name: string, type: number): boolean {
    const at = this.#clock.now();
    const last = this.#twins.get(name);
    if (last && last.type !== type && at - last.at < TWIN_MS) return true;
    this.#twins.delete(name);
    this.#twins.set(name, { type, at });
    for (const oldest of this.#twins.keys()) {
      if (this.#twins.size <= MAX_TWINS) break;
      this.#twins.delete(oldest);
    }
    return false;
  }

  #refused({ client, id }: Asker, reason: DenialReason, host: CanonicalHost | string): void {
    const since = performance.now();
    const subject: Subject = { connection: id, client, how: 'dns', method: '-', host, port: 0, since };
    this.#with.refuser.unanswered(subject, reason, {});
  }
}

/** Short, since an answer is not to be much longer than its question. */
const WHY = {
  'domain-not-allowed': 'domain-not-allowed: not in Network.Domains',
  'operator-denied': 'operator-denied',
} as const satisfies Partial<Record<DenialReason, string>>;
