import type { Authority } from './authority.js';

declare const judged: unique symbol;

/** An address that the address rule let pass; only it makes them. Never IPv4-mapped. */
export interface JudgedAddress {
  readonly address: string;
  readonly family: 4 | 6;
  readonly [judged]: true;
}

/** Inside a tunnel the rule for the tunnel's port goes on to apply; `tls`: what is sent goes through TLS of the proxy's. */
export type TargetKind = 'tunnel' | 'request' | 'tls';

/** What a dialler takes, and nothing else. */
export interface DialTarget {
  readonly authority: Authority;
  /** All that may be connected to. Empty only for a name where the dialler `resolvesNames`. */
  readonly addresses: readonly JudgedAddress[];
}

/** What a job asked for and may reach. */
export interface JudgedTarget extends DialTarget {
  /** What the rule for its port was. */
  readonly kind: TargetKind;
  /** The proxy itself makes TLS of the connection. */
  readonly secure?: true;
  /** A tunnel to it carries HTTP only: its port is one that only plain requests go to without an entry. */
  readonly plainOnly?: true;
  /** The job's list does not have it: its policy says `learn`. */
  readonly learned?: true;
}
