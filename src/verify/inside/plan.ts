/**
 * What a prober is told, in one JSON value, and what it says, in lines of JSON. It runs where nothing of jobgate is: this
 * folder takes nothing but Node's own modules, and goes into one file.
 */

/** Stand for what only the prober knows: a host in an attempt may be one of them. */
export const KNOWN_INSIDE = {
  /** The proxy of the variables; in what is said `$proxy:0` is its host and port. */
  proxy: '$proxy',
  /** The servers of /etc/resolv.conf: the attempt is made with each. */
  resolvers: '$resolvers',
  /** The first IPv4 address of its own that is not loopback. */
  own: '$own',
  /** What is likely to be the host's end of its networks: the first address of each. */
  gateway: '$gateway',
} as const;

interface Target {
  /** An address, or one of {@link KNOWN_INSIDE}. */
  readonly host: string;
  readonly port: number;
}

/** What one attempt does. It has its check's mark in all that it sends. */
export type Attempt = {
  readonly mark: string;
  /** Made so often, one after the other. Default once. */
  readonly times?: number;
} & (
  | (Target & { readonly do: 'tcp' | 'udp' })
  | { readonly do: 'ping'; readonly host: string }
  /** A question for `name`, A or another type, to a name server; or by what programs use (`getaddrinfo`). */
  | (Target & { readonly do: 'dns'; readonly name: string; readonly over: 'udp' | 'tcp' })
  | { readonly do: 'lookup'; readonly name: string }
  /** Says one piece after the other (Latin-1), each once the one before it was answered. */
  | (Target & { readonly do: 'talk'; readonly say: readonly string[] })
  /** A ClientHello for `serverName` in the tunnel that `say` asks for; without `say` at once. */
  | (Target & { readonly do: 'hello'; readonly say?: string; readonly serverName: string })
  /** Moves so many bytes over several connections that each say `say`; up: the rest are zeros. */
  | (Target & {
      readonly do: 'transfer';
      readonly say: string;
      readonly connections: number;
      readonly bytes: number;
      readonly up: boolean;
    })
  /**
   * Opens so many connections that each say `say`, a request: as fast as they can be, and each is closed once it is
   * answered; or so many per second, to hold them.
   */
  | (Target & {
      readonly do: 'connections';
      readonly say: string;
      readonly most: number;
      readonly hold?: { readonly perSecond: number };
    })
  /** A datagram over IPv4 by a socket that is bound to a device. */
  | (Target & { readonly do: 'bound' })
  /** A datagram of hand-made IPv4, with a source address that is not the sender's. */
  | (Target & { readonly do: 'forge'; readonly source: string })
  /** A datagram in Ethernet frames made by hand, by each device that leads out of here, or by that one. */
  | (Target & { readonly do: 'frame'; readonly device?: string })
);

/**
 * `reached`: the listener's own word came back. `answered`: something else. `refused`, `silent`: nothing. `impossible`: the
 * kernel has no way for it. `error`: it could not be tried.
 */
export type Outcome = 'reached' | 'answered' | 'refused' | 'silent' | 'impossible' | 'error';

export interface Result {
  readonly mark: string;
  readonly outcome: Outcome;
  /** For people. */
  readonly detail: string;
  readonly ms: number;
  /** What came back, Latin-1, its beginning. */
  readonly heard?: string;
  readonly bytes?: number;
  /** Connections, and those of them that were let in; where they are held, all at once. */
  readonly opened?: number;
  readonly served?: number;
}

/** Something came to a listener. */
export interface Arrival {
  /** Which listener: as its plan names it. */
  readonly at: string;
  readonly over: 'tcp' | 'udp' | 'dns';
  readonly port: number;
  readonly from: string;
  /** The beginning of what was said, Latin-1; of a question its name. */
  readonly head: string;
}

export interface Listen {
  readonly at: string;
  readonly addresses: readonly string[];
  /** 0: any. A port that cannot be had is an error. */
  readonly tcp: readonly number[];
  readonly udp: readonly number[];
  /** A name server on port 53 of this address, for `zone.ts`. */
  readonly names?: { readonly address: string; readonly origin: string };
  /** Where `/bytes/N` is answered by as many, for measuring. Default: nowhere. */
  readonly bytesAt?: string;
}

export interface Plan {
  /** What listeners answer. */
  readonly token: string;
  readonly listen?: Listen;
  readonly attempts: readonly Attempt[];
  /** So long an attempt waits, ms. */
  readonly waitMs: number;
}

/** What a prober finds around it. */
export interface Surroundings {
  readonly addresses: readonly string[];
  /** Of the variables. */
  readonly proxy?: { readonly host: string; readonly port: number };
}

/** A line of a prober. */
export type Said =
  | { readonly says: 'listening'; readonly tcp: readonly number[]; readonly udp: readonly number[] }
  | ({ readonly says: 'arrival' } & Arrival)
  | ({ readonly says: 'result' } & Result)
  | ({ readonly says: 'done' } & Surroundings)
  | { readonly says: 'failed'; readonly why: string };

/** What is kept of what is heard, bytes. */
export const HEAD = 1024;

/** The most that `/bytes/N` answers, and that is moved to measure a rate. */
export const MAX_BYTES = 64_000_000;
