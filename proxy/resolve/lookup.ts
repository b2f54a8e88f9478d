import type { CanonicalHost } from '../policy/authority.js';

export interface ResolvedAddress {
  /** As the name server wrote it; not judged. */
  readonly address: string;
  readonly family: 4 | 6;
  /** Seconds for which the answer may be kept; 0 where unknown. */
  readonly ttl: number;
}

/** One look-up's whole answer. */
export interface Answer {
  readonly addresses: readonly ResolvedAddress[];
  /** False where one family gave no answer. */
  readonly complete: boolean;
}

/** Does one look-up; settles soon after its signal aborts. */
export type Lookup = (host: CanonicalHost, signal: AbortSignal) => Promise<Answer>;
