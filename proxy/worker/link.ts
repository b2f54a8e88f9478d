import type { ListenOptions } from '../egress-proxy.js';
import type { Direction } from '../policy/budget.js';
import type { EgressPolicy, PolicyChange } from '../policy/policy.js';
import type { ProxyEvent } from '../report/events.js';
import type { Figures } from '../report/figures.js';

/**
 * What a worker and the control plane say to each other: lines of JSON, down its stdin and up its stdout. The
 * end of its input is the end of the control plane, whatever that died of. Ids of proxies are the control plane's.
 */
export const LINK_VERSION = 5;

/** What a worker is told. */
export type Command =
  | {
      readonly do: 'open';
      readonly v: typeof LINK_VERSION;
      readonly id: number;
      readonly policy: EgressPolicy;
      readonly listen: ListenOptions;
      /** In a container: the address that the engine's host would have on the job's network. Nothing may answer there. */
      readonly hostEnd?: string;
    }
  | { readonly do: 'clients'; readonly id: number; readonly cidrs: readonly string[] }
  | { readonly do: 'deny'; readonly id: number; readonly entries: readonly string[] }
  /** The job's part of the policy becomes another: what is said to be `changed`, under this number. */
  | { readonly do: 'change'; readonly id: number; readonly number: number; readonly change: PolicyChange }
  /** So many more connections to a destination may be begun: what is said to `lease`. */
  | { readonly do: 'leased'; readonly id: number; readonly destination: string; readonly count: number }
  /** So many bytes may pass, of what it asked to `spend`: fewer, and there are no more. */
  | ({ readonly do: 'granted'; readonly id: number } & Wanted)
  | { readonly do: 'drain'; readonly id: number; readonly ms: number }
  | { readonly do: 'close'; readonly id: number }
  /** Where a proxy of another worker listens, or does no longer: no job's target. */
  | { readonly do: 'listener'; readonly host: string; readonly port: number; readonly open: boolean }
  /** The control plane is there: on a connection to a remote engine, silence is all that shows that it is not. */
  | { readonly do: 'ping' };

/** What a worker says of one of its proxies. */
export type ProxyReport = { readonly id: number } & (
  | { readonly is: 'ready'; readonly host: string; readonly port: number }
  /** It cannot begin, or must not go on; it is closed. `code` is the system's (EADDRINUSE, …). */
  | { readonly is: 'refused'; readonly message: string; readonly code?: string }
  | { readonly is: 'event'; readonly event: ProxyEvent }
  | { readonly is: 'figures'; readonly figures: PartialFigures }
  | { readonly is: 'log'; readonly level: LogLevel; readonly fields: object; readonly message: string }
  /** A changed policy holds, and so many connections were cut for it. */
  | { readonly is: 'changed'; readonly number: number; readonly cut: number }
  /** It wants leave for so many connections to a destination; and it gives some back. */
  | { readonly is: 'lease'; readonly destination: string; readonly count: number }
  | { readonly is: 'give-back'; readonly destination: string; readonly count: number }
  /** It wants so many bytes of the job's budget. */
  | ({ readonly is: 'spend' } & Wanted)
  /** The last of it: all its connections are closed. */
  | { readonly is: 'closed' }
);

/** Bytes of the job's budget, or of that for a host. */
export interface Wanted {
  readonly direction: Direction;
  readonly bytes: number;
  readonly host?: string;
}

/** `hosts` is left out where it is as before. */
export type PartialFigures = Omit<Figures, 'hosts'> & Partial<Pick<Figures, 'hosts'>>;

export type Report =
  | ProxyReport
  /** It lives, and its event loop turns. */
  | { readonly is: 'beat' }
  /** It ends at once: a fault of the program, or a command that it does not understand. */
  | { readonly is: 'broken'; readonly message: string }
  /** So many events and log lines were not told, because the control plane did not read. */
  | { readonly is: 'dropped'; readonly count: number };

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** Ms between pings, and how long a worker goes on without a line from the control plane. */
export const PING_MS = 10_000;
export const SILENCE_MS = 60_000;

/** Ms between beats of a worker. */
export const BEAT_MS = 500;
