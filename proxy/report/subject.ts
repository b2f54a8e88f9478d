import type { Authority } from '../policy/authority.js';
import type { How } from './events.js';

/** What an event is about. */
export interface Subject {
  /** Number and address of the client connection. */
  readonly connection: number;
  readonly client: string;
  readonly how: How;
  readonly method: string;
  readonly host: string;
  readonly port: number;
  /** When it began, ms of `performance.now()`. */
  readonly since: number;
}

/** Who speaks, and for which authority where it is inside a tunnel; to which port where it knows of no proxy. */
interface Speaker {
  readonly id: number;
  readonly client: string;
  readonly direct?: number | undefined;
  readonly tunnel?: { readonly authority: Authority } | undefined;
}

/**
 * What a connection asks for: an authority once it is understood, else that of its tunnel, else what can be shown of
 * the target. Without all of them nothing was read yet.
 */
export function subjectOf(
  { id, client, direct, tunnel }: Speaker,
  asked: {
    readonly method?: string | undefined;
    readonly target?: string | undefined;
    readonly authority?: Authority | undefined;
  } = {},
): Subject {
  const known = asked.authority ?? tunnel?.authority;
  return {
    connection: id,
    client,
    how: direct === undefined ? 'proxy' : 'direct',
    method: asked.method ?? '-',
    host: known?.host ?? printable(asked.target ?? ''),
    port: known?.port ?? direct ?? 0,
    since: performance.now(),
  };
}

/**
 * Of a target that was not understood, what can be shown: what stands where the host should be, in printable ASCII,
 * cut. Neither credentials nor a query.
 */
export function printable(target: string): string {
  const authority = target.replace(/^[A-Za-z][A-Za-z0-9+.-]*:\/\//, '').split(/[/?#\\]/, 1)[0] ?? '';
  return authority
    .slice(authority.lastIndexOf('@') + 1)
    .slice(0, 128)
    .replace(/[^!-~]/g, '?');
}
