import { Writable } from 'node:stream';
import type { EgressPolicy } from '../../proxy/policy/policy.js';
import type { ProxyEvent } from '../../proxy/report/events.js';
import type { Figures } from '../../proxy/report/figures.js';

/**
 * What a gateway in a container and the process that opened it say to each other: lines of JSON, down its stdin and up
 * its stdout. The end of its input is the end of its parent, whatever it died of.
 */
export const LINK_VERSION = 1;

/** The first line of the input. */
export interface LinkStart {
  readonly v: typeof LINK_VERSION;
  readonly policy: EgressPolicy;
  readonly listen: { readonly host: string; readonly port: number };
  /** CIDRs. */
  readonly clients: readonly string[];
  /** The address that the engine's host would have on the isolated network. Nothing may answer there. */
  readonly hostEnd: string;
}

/** Every line after it. */
export type LinkCommand =
  | { readonly do: 'clients'; readonly cidrs: readonly string[] }
  | { readonly do: 'deny'; readonly entries: readonly string[] }
  | { readonly do: 'drain'; readonly ms: number }
  | { readonly do: 'close' }
  /** The parent is there: on a connection to a remote engine, silence is all that shows that it is not. */
  | { readonly do: 'ping' };

/** What the gateway says. */
export type LinkReport =
  | { readonly is: 'ready'; readonly host: string; readonly port: number }
  /** It cannot start, or must not go on. It ends by itself. */
  | { readonly is: 'refused'; readonly message: string }
  | { readonly is: 'event'; readonly event: ProxyEvent }
  /** `hosts` is left out where it is as before. */
  | { readonly is: 'figures'; readonly figures: Omit<Figures, 'hosts'> & Partial<Pick<Figures, 'hosts'>> }
  | { readonly is: 'log'; readonly level: LogLevel; readonly fields: object; readonly message: string }
  /** So many events and log lines were not told, because the parent did not read. */
  | { readonly is: 'dropped'; readonly count: number }
  /** The last line: all connections are closed. */
  | { readonly is: 'closed' };

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** Ms between pings, and how long a gateway goes on without a line from its parent. */
export const PING_MS = 10_000;
export const SILENCE_MS = 60_000;

/** Longest line, bytes. A policy with a node's whole allowlist is the longest there is. */
const MAX_LINE = 8 << 20;

/**
 * A stream's end that is cut into lines. A longer one than `max` bytes is an error of the stream, and so is what `onLine`
 * throws.
 */
export function lineSplitter(onLine: (line: string) => void, max = MAX_LINE): Writable {
  let parts: Buffer[] = [];
  let length = 0;
  return new Writable({
    write(chunk: Buffer, _encoding, done) {
      let from = 0;
      for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, from)) {
        const line = Buffer.concat([...parts, chunk.subarray(from, end)]);
        from = end + 1;
        parts = [];
        length = 0;
        if (line.length > max) return done(tooLong(max));
        try {
          onLine(line.toString('utf8'));
        } catch (error) {
          return done(error as Error);
        }
      }
      const rest = chunk.subarray(from);
      length += rest.length;
      if (length > max) return done(tooLong(max));
      if (rest.length > 0) parts.push(rest);
      done();
    },
  });
}

const tooLong = (max: number) => new Error(`a line of more than ${max} bytes`);
