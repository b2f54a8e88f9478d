import type { Socket } from 'node:net';
import { DialError } from '../dial/dial-error.js';
import type { Dialler } from '../dial/dialler.js';
import type { OriginTls } from '../dial/origin-tls.js';
import type { OnReadFactory } from '../dial/tcp.js';
import { type Allowlist, isConnectPort, isPlainHttpPort } from '../policy/allowlist.js';
import type { Authority, CanonicalHost } from '../policy/authority.js';
import type { DenialReason } from '../policy/denials.js';
import type { DenyList } from '../policy/deny-list.js';
import type { JudgedAddress, JudgedTarget, TargetKind } from '../policy/judged.js';
import type { JobLimiter } from '../rate/job-limiter.js';
import { Refusal } from '../refuse/refusal.js';
import { ResolveError } from '../resolve/resolve-error.js';
import type { Resolver } from '../resolve/resolver.js';
import { abortable } from '../util/abort.js';
import type { Cancellation } from '../util/cancellation.js';
import type { Semaphore } from '../util/semaphore.js';
import type { AddressRule } from './address-rule.js';
import type { Denied } from './denied.js';

/** What a job may reach, and what of it is refused all the same. */
interface JobLists {
  readonly allow: Allowlist;
  readonly deny: DenyList;
}

interface DeciderOptions {
  readonly denied: Denied;
  readonly job: JobLists;
  /** Let hosts through that the allowlist does not have, where `within` has them; absent: any. */
  readonly learn?: { readonly within?: Allowlist };
  readonly resolver: Resolver;
  readonly rule: AddressRule;
  readonly dialler: Dialler;
  /** Dials at once. */
  readonly dials: Semaphore;
  /** Makes TLS of a connection, for those who leave it to the proxy. */
  readonly tls: OriginTls;
  readonly connectTimeoutMs: number;
  /** Nothing is dialled while the job has a debt. */
  readonly limiter: Pick<JobLimiter, 'debt'>;
  /** Whether its budget lets nothing more be exchanged with a host. */
  readonly isUsedUp: (host: string) => boolean;
}

/** What the lists say of an authority. */
interface Listed {
  readonly host: CanonicalHost;
  readonly port: number;
  readonly kind: TargetKind;
  readonly listed: ReturnType<Allowlist['match']> | 'learned';
  /** Whether it is for plain HTTP alone. */
  readonly plainOnly: boolean;
}

/** No entry has it: what is denied on it, is denied on all. */
const NO_PORT = 0;

const DEFAULT_PORTS: Readonly<Record<TargetKind, (port: number) => boolean>> = {
  tunnel: (port) => isConnectPort(port) || isPlainHttpPort(port),
  request: isPlainHttpPort,
  tls: isConnectPort,
};

/** The one line from what a job asks for to a connection. Whatever stops it is thrown as a `Refusal`. */
export class Decider {
  readonly #with: DeciderOptions;
  #list: JobLists;
  /** What they say of whom they were last asked about: mostly the next is the same. */
  #last: Listed | undefined;

  constructor(options: DeciderOptions) {
    this.#with = options;
    this.#list = options.job;
  }

  /** From now on. What was allowed before is asked about with `forbids`. */
  set job(lists: JobLists) {
    this.#list = lists;
    this.#last = undefined;
  }

  /**
   * Deny list, allowlist, port, look-up, every address: in this order, so that a denied name is never looked up.
   * A promise only where somebody has to be asked. Throws, or rejects with, a `Refusal` or what it was cancelled with.
   */
  route(authority: Authority, kind: TargetKind, cancel: Cancellation): JudgedTarget | Promise<JudgedTarget> {
    const { denied, dialler } = this.#with;
    const { host, port } = authority;
    if (this.#isDenied(host, port)) throw new Refusal('operator-denied');
    if (dialler.isUpstream(authority)) throw new Refusal('proxy-loop');
    const { listed } = this.#lists(authority, kind);
    if (listed !== 'allowed' && listed !== 'learned') throw new Refusal(listed);
    if (this.#with.isUsedUp(host)) throw new Refusal('budget-used-up');
    const learned = listed === 'learned';
    const known = denied.ready() || dialler.upstream !== undefined ? undefined : this.#known(authority);
    if (known) return this.#judged(authority, kind, learned, known);
    return this.#looked(authority, cancel).then((answer) => {
      const target = this.#judged(authority, kind, learned, answer);
      // A host that came to be forbidden while it was looked up.
      const why = this.forbids(target);
      if (why !== undefined) throw new Refusal(why, firstOf(target));
      return target;
    });
  }

  async #looked(authority: Authority, cancel: Cancellation): Promise<readonly string[]> {
    const { denied, dialler } = this.#with;
    const pending = denied.ready();
    if (pending) await abortable(pending, cancel.signal);
    if (dialler.upstream !== undefined) await this.#upstreamKnown(cancel);
    const answer = this.#known(authority) ?? (await this.#addresses(authority, cancel));
    cancel.throwIfCancelled();
    return answer;
  }

  #judged(
    authority: Authority,
    kind: TargetKind,
    learned: boolean,
    addresses: readonly string[],
  ): JudgedTarget {
    const target: { -readonly [K in keyof JudgedTarget]: JudgedTarget[K] } = {
      authority,
      kind,
      addresses: addresses.map((address) => this.#judge(address, authority.port)),
    };
    if (this.#lists(authority, kind).plainOnly) target.plainOnly = true;
    if (kind === 'tls') target.secure = true;
    if (learned) target.learned = true;
    if (this.isDenied(target)) throw new Refusal('operator-denied', firstOf(target));
    return target;
  }

  #lists(authority: Authority, kind: TargetKind): Listed {
    const { host, port } = authority;
    const last = this.#last;
    if (last && last.host === host && last.port === port && last.kind === kind) return last;
    const listed = this.#listed(authority, kind);
    this.#last = { host, port, kind, listed, plainOnly: this.#plainOnly(authority, kind) };
    return this.#last;
  }

  #listed(authority: Authority, kind: TargetKind): Listed['listed'] {
    const ports = DEFAULT_PORTS[kind];
    const listed = this.#list.allow.match(authority.host, authority.port, ports);
    return listed === 'domain-not-allowed' && this.#learns(authority, ports) ? 'learned' : listed;
  }

  #plainOnly({ host, port }: Authority, kind: TargetKind): boolean {
    return (
      kind === 'tunnel' &&
      !isConnectPort(port) &&
      this.#list.allow.match(host, port, isConnectPort) !== 'allowed'
    );
  }

  /** Whether a name may be asked for: on some port the job may reach it, or learn it. Nothing is looked up. */
  mayName(host: CanonicalHost): 'allowed' | 'operator-denied' | 'domain-not-allowed' {
    const { learn } = this.#with;
    if (this.#isDenied(host, NO_PORT)) return 'operator-denied';
    const has = (list: Allowlist) => list.match(host, NO_PORT, () => true) === 'allowed';
    return has(this.#list.allow) || (learn && (learn.within === undefined || has(learn.within)))
      ? 'allowed'
      : 'domain-not-allowed';
  }

  /** A host that the job did not declare, let through to be learned: on the usual ports, and where the node allows it. */
  #learns({ host, port }: Authority, ports: (port: number) => boolean): boolean {
    const { learn } = this.#with;
    if (!learn || !ports(port)) return false;
    return learn.within === undefined || learn.within.match(host, port, ports) === 'allowed';
  }

  /** Connects to a judged address. Rejects with a `Refusal`, or with what it was cancelled with. */
  dial(target: JudgedTarget, cancel: Cancellation, onread?: OnReadFactory): Promise<Socket> {
    const { dialler, connectTimeoutMs: timeoutMs } = this.#with;
    return this.#dialling(target, cancel, () => dialler.dial(target, { cancel, timeoutMs, onread }));
  }

  /** A connection for plain requests: to the host, or to an upstream that takes them in absolute form. */
  async dialForRequests(target: JudgedTarget, cancel: Cancellation): Promise<Socket> {
    const { dialler, tls, connectTimeoutMs: timeoutMs } = this.#with;
    if (target.secure) {
      return this.#dialling(target, cancel, async () =>
        tls.handshake(await dialler.dial(target, { cancel, timeoutMs }), target.authority, {
          cancel,
          timeoutMs,
        }),
      );
    }
    if (!dialler.forwardsRequests) return this.dial(target, cancel);
    return this.#dialling(target, cancel, () => dialler.dialForward({ cancel, timeoutMs }));
  }

  #dialling(target: JudgedTarget, cancel: Cancellation, dial: () => Promise<Socket>): Promise<Socket> {
    const debt = this.#with.limiter.debt(cancel);
    return debt ? debt.then(() => this.#dialNow(target, cancel, dial)) : this.#dialNow(target, cancel, dial);
  }

  /** Without `async`: each function that has it costs a dial a few µs. */
  #dialNow(target: JudgedTarget, cancel: Cancellation, dial: () => Promise<Socket>): Promise<Socket> {
    const { dials } = this.#with;
    const release = dials.acquire();
    if (release === undefined) return Promise.reject(new Refusal(dials.reason));
    return dial().then(
      (socket) => {
        release();
        const why = this.forbids(target);
        if (why === undefined) return socket;
        // A host that came to be forbidden while it was dialled.
        socket.destroy();
        throw new Refusal(why, firstOf(target));
      },
      (error) => {
        release();
        cancel.throwIfCancelled();
        if (!(error instanceof DialError)) throw error;
        const { reason, code } = error;
        const why = reason === 'certificate-not-valid' && code !== undefined ? { detail: code } : {};
        throw new Refusal(reason, { ...firstOf(target), ...why, cause: error });
      },
    );
  }

  /** Why the policy as it is now forbids what was allowed before; undefined where it does not. */
  forbids(target: JudgedTarget): DenialReason | undefined {
    if (this.isDenied(target)) return 'operator-denied';
    const { authority, kind, plainOnly } = target;
    const { listed, plainOnly: onlyPlain } = this.#lists(authority, kind);
    if (listed !== 'allowed' && listed !== 'learned') return listed;
    if (!plainOnly && onlyPlain) return 'tls-to-plain-port';
    return this.#with.isUsedUp(authority.host) ? 'budget-used-up' : undefined;
  }

  /** Whether the deny lists as they are now forbid what was allowed before. */
  isDenied({ authority: { host, port }, addresses }: JudgedTarget): boolean {
    const { denied } = this.#with;
    if (denied.isEmpty && this.#list.deny.entries.length === 0) return false;
    const isAddressDenied = ({ address }: JudgedAddress) =>
      denied.matchAddress(address, port) || this.#list.deny.match(address as CanonicalHost, port);
    return this.#isDenied(host, port) || addresses.some(isAddressDenied);
  }

  #isDenied(host: CanonicalHost, port: number): boolean {
    return this.#with.denied.match(host, port) || this.#list.deny.match(host, port);
  }

  /** Where no look-up is needed: mostly. */
  #known({ host, kind }: Authority): readonly string[] | undefined {
    if (kind !== 'name') return [host];
    if (this.#with.dialler.resolvesNames) return [];
    return this.#with.resolver.known(host)?.map(({ address }) => address);
  }

  async #addresses({ host }: Authority, cancel: Cancellation): Promise<readonly string[]> {
    try {
      return (await this.#with.resolver.resolve(host, cancel)).map(({ address }) => address);
    } catch (error) {
      cancel.throwIfCancelled();
      if (error instanceof ResolveError) throw new Refusal(error.reason, { cause: error });
      throw error;
    }
  }

  /** The upstream's addresses are no target: they must be known before others are judged. */
  async #upstreamKnown(cancel: Cancellation): Promise<void> {
    try {
      await abortable(this.#with.dialler.ready(), cancel.signal);
    } catch (error) {
      cancel.throwIfCancelled();
      throw error instanceof DialError ? new Refusal(error.reason, { cause: error }) : error;
    }
  }

  /** One address that may not be reached refuses the whole answer: a mixed one is an attack or a mistake. */
  #judge(address: string, port: number): JudgedAddress {
    const judged = this.#with.rule.judge(address, port);
    if (!judged.ok) throw new Refusal(judged.reason, { address });
    return judged.address;
  }
}

function firstOf({ addresses }: JudgedTarget): { address?: string } {
  return addresses[0] === undefined ? {} : { address: addresses[0].address };
}
