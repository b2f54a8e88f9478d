import type { DenialReason } from '../policy/denials.js';

/** What happens inside an egress proxy, as plain serialisable values. Events belong to one proxy, not to the process. */
export type ProxyEvent = DecisionEvent | ClosedEvent;

/** Version of the shape of events and of the log lines made of them. */
export const EVENT_VERSION = 1;

/** How a job asked: its proxy, a connection of a program that knows of no proxy, or a question for a name. */
export type How = 'proxy' | 'direct' | 'dns';

interface EventBase {
  readonly v: typeof EVENT_VERSION;
  /** Wall clock, ms since the epoch. */
  readonly time: number;
  readonly job: string;
  readonly execution?: string;
  /** Number of the client connection, unique in this proxy; 0 where there is none. */
  readonly connection: number;
  /** `CONNECT`, `GET`, …; `TLS` for a connection that began with it; `-` where no method was understood. */
  readonly method: string;
  /** Canonical host; of a malformed target the printable part, cut. */
  readonly host: string;
  /** 0 where none was understood, and of a question for a name. */
  readonly port: number;
}

/** One per request, tunnel, and refusal inside a tunnel. */
export interface DecisionEvent extends EventBase {
  readonly type: 'decision';
  readonly how: How;
  readonly decision: 'allow' | 'deny';
  readonly reason: 'allowed' | DenialReason;
  /** HTTP status of a denial; absent where the connection is just closed. */
  readonly status?: number;
  /** Let through though the job's list does not have the host, because its policy says `learn`. */
  readonly learned?: true;
  /** The address that was dialled or refused. For logs, never for the job. */
  readonly address?: string;
  /** What exactly was wrong, where there is more to say than the reason: words of ours and printable ASCII. */
  readonly detail?: string;
  /** Address of the client. */
  readonly client: string;
  /** Time from the request to the decision and the dial, ms. */
  readonly ms: number;
  /** How many equal ones this one stands for; absent for one. */
  readonly count?: number;
}

/** One per tunnel and per plain request that was allowed, when it ends. */
export interface ClosedEvent extends EventBase {
  readonly type: 'closed';
  readonly kind: 'tunnel' | 'request';
  /** Bytes from the job to the origin. */
  readonly up: number;
  /** Bytes from the origin to the job. */
  readonly down: number;
  readonly ms: number;
  /** `end`, or what ended it: `client-reset`, `origin-reset`, `idle`, `closed` (by the gateway), a denial reason. */
  readonly reason: string;
  /** How many equal ones this one stands for, whose bytes it has; absent for one. */
  readonly count?: number;
}
