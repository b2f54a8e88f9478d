import { randomBytes } from 'node:crypto';
import type { Limits } from '../../proxy/policy/policy.js';
import type { Outside } from './outside.js';

/** What the checks are made of: what there is to be reached, or not. */
export interface World extends Promised {
  readonly marks: Marks;
  /** What listeners of this host are at; absent where the engine is on another one. */
  readonly here?: { readonly addresses: readonly string[]; readonly tcp: number; readonly udp: number };
  readonly outside?: Outside;
  readonly neighbour?: Neighbour;
  /** Ports of a container that are published on this host. */
  readonly published?: { readonly tcp: number };
  /** Absent: the job has none. */
  readonly proxy?: { readonly host: string; readonly port: number };
  /** Whether questions that are passed on go to verify's own name server. */
  readonly watchesResolvers: boolean;
  /** That the operator has, and lets the job declare: on port 80 something answers. */
  readonly publicNames: readonly string[];
}

/** What a node promises of its jobs. */
export interface Promised {
  /** bit/s in each direction that a job has at most; null: unlimited, or not declared. */
  readonly rate: number | null;
  /** bytes */
  readonly burst: number;
  readonly limits: ConnectionLimits;
  readonly jobHeader: string;
}

export type ConnectionLimits = Pick<Limits, 'connections' | 'connectionsPerSecond'>;

export interface Neighbour {
  readonly address: string;
  readonly tcp: number;
  readonly udp: number;
  readonly proxy?: { readonly host: string; readonly port: number };
  /** What it tried at itself. */
  readonly self: Readonly<Record<'tcp' | 'udp' | 'ping' | 'proxy', string>>;
}

/** What each attempt has in all that it sends, so that it is known wherever it comes. A part of a name, too. */
export class Marks {
  readonly #given = new Set<string>();

  /** No job can tell those of others from its own. */
  next(): string {
    const mark = `jgv${randomBytes(4).toString('hex')}m${this.#given.size + 1}`;
    this.#given.add(mark);
    return mark;
  }

  readonly has = (text: string): boolean => this.#given.has(text);
}
