/** What Node's own HTTP makes of bytes, without a network: what is read by jobgate itself is held to it. */
import http from 'node:http';
import type net from 'node:net';
import { Duplex } from 'node:stream';
import { readConnectHead } from '../../proxy/accept/connect-head.js';
import { AnswerReader } from '../../proxy/http/answer-reader.js';
import { BrokenAnswer } from '../../proxy/http/broken-answer.js';
import { hasUnknownCoding } from '../../proxy/http/heads.js';
import { HttpServer } from '../../proxy/http/http-server.js';
import { readSimpleHead } from '../../proxy/http/simple-head.js';
import { checkConnectForm } from '../../proxy/tunnel/connect-method.js';

export const HEADER_BYTES = 16_384;

/** The end of a connection that says `bytes`, once it is spoken to where it is an origin, and then ends. */
function speaker(bytes: Buffer, first: boolean): Duplex {
  const say = () => {
    stream.push(bytes);
    stream.push(null);
  };
  const stream = new Duplex({
    read() {},
    write(_chunk, _encoding, done) {
      if (!first) setImmediate(say);
      first = true;
      done();
    },
  });
  stream.on('error', () => {});
  if (first) setImmediate(say);
  return stream;
}

/** An answer as it was understood; `broken` where there was none. */
export type Understood =
  | {
      readonly status: number;
      readonly phrase: string;
      readonly lines: readonly string[];
      readonly persists: boolean;
      /** Undefined: it was cut. */
      readonly body: string | undefined;
      readonly trailers: readonly string[] | undefined;
    }
  | { readonly broken: string };

/** By Node's client, with what `Exchange` adds to it. */
export function answerByNode(bytes: Buffer, method: string): Promise<Understood> {
  return new Promise((resolve) => {
    const stream = speaker(bytes, false) as unknown as net.Socket;
    const agent = new (class extends http.Agent {
      override createConnection() {
        return stream;
      }
      override keepSocketAlive() {
        return false;
      }
    })({ keepAlive: true });
    const request = http.request({ agent, method, host: 'x', maxHeaderSize: HEADER_BYTES });
    let answered = false;
    const broken = (why: string) => {
      if (!answered) resolve({ broken: why });
    };
    request.on('error', (error) => broken(error.message));
    request.on('close', () => broken('closed without an answer'));
    request.on('response', (answer) => {
      const { statusCode: status = 0, statusMessage: phrase = '', rawHeaders: lines } = answer;
      if (hasUnknownCoding(lines) || status < 200) return broken('not one that is passed on');
      answered = true;
      const { shouldKeepAlive: persists } = request;
      const chunks: Buffer[] = [];
      const done = (whole: boolean) =>
        resolve({
          ...{ status, phrase, lines, persists },
          body: whole ? Buffer.concat(chunks).toString('latin1') : undefined,
          trailers: whole ? answer.rawTrailers : undefined,
        });
      answer.on('data', (chunk) => chunks.push(chunk));
      answer.on('error', () => done(false));
      answer.on('end', () => done(answer.complete));
    });
    request.end();
  });
}

/** By jobgate, in pieces of such sizes. */
export function answerHere(bytes: Buffer, method: string, size: () => number): Understood {
  let head: { status: number; phrase: string; lines: readonly string[]; persists: boolean } | undefined;
  let trailers: readonly string[] | undefined;
  const chunks: Buffer[] = [];
  const reader = new AnswerReader(
    { toHead: method === 'HEAD', headerBytes: HEADER_BYTES },
    {
      information: () => {},
      head: ({ status, phrase, lines, persists }) => {
        head = { status, phrase, lines, persists };
      },
      body: (part) => chunks.push(Buffer.from(part)),
      whole: (lines) => {
        trailers = lines;
      },
    },
  );
  try {
    for (let at = 0; at < bytes.length; ) {
      const piece = bytes.subarray(at, at + size());
      at += piece.length;
      reader.push(piece);
    }
    reader.ended();
  } catch (error) {
    if (!(error instanceof BrokenAnswer)) throw error;
    if (head === undefined) return { broken: error.message };
  }
  if (head === undefined) return { broken: 'no answer' };
  const body = trailers && Buffer.concat(chunks).toString('latin1');
  return { ...head, body, trailers };
}

const STRICTER =
  /^(?:Content-Length is broken|a tab behind what delimits the body|a chunk is too large|an extension of a chunk is broken|a head is too large)$/;

/** Whether an answer is refused here though Node may take it: nobody sends such a one who means well. */
export function isStricter(here: Understood, bytes: Buffer): boolean {
  return 'broken' in here && (STRICTER.test(here.broken) || bytes.includes('\r\r'));
}

export interface Asked {
  readonly method: string;
  readonly target: string;
  readonly lines: readonly string[];
  readonly closes: boolean;
}

/** The one request that bytes are for Node's server; undefined where they are none, or more, or it has a body. */
export function requestByNode(bytes: Buffer): Promise<Asked | undefined> {
  return new Promise((resolve) => {
    const stream = speaker(bytes, true);
    let asked: Asked | undefined;
    let more = false;
    const server = new HttpServer(HEADER_BYTES, {
      request: (_stream, request, response) => {
        more ||= asked !== undefined;
        asked = {
          method: request.method ?? '',
          target: request.url ?? '',
          lines: request.rawHeaders,
          closes: !response.shouldKeepAlive,
        };
        request.on('data', () => {
          more = true;
        });
        request.on('end', () => setImmediate(() => resolve(more ? undefined : asked)));
      },
      connect: () => resolve(undefined),
      broken: () => resolve(undefined),
    });
    server.serve(stream);
    stream.on('end', () => setTimeout(() => resolve(more ? undefined : asked), 50));
  });
}

/** The same by jobgate; undefined where it leaves it to Node. */
export function requestHere(bytes: Buffer, inTunnel: boolean): Asked | undefined {
  return readSimpleHead(bytes, inTunnel, HEADER_BYTES);
}

export interface AskedConnect {
  readonly target: string;
  /** What came behind its head. */
  readonly rest: string;
}

/** The CONNECT that bytes begin with for Node's server, which has the form that is asked for; undefined where there is none. */
export function connectByNode(bytes: Buffer): Promise<AskedConnect | undefined> {
  return new Promise((resolve) => {
    const none = () => resolve(undefined);
    const server = new HttpServer(HEADER_BYTES, {
      request: none,
      connect: (_stream, request, head) => {
        try {
          checkConnectForm(request);
        } catch {
          return none();
        }
        resolve({ target: request.url ?? '', rest: head.toString('latin1') });
      },
      broken: none,
    });
    server.serve(speaker(bytes, true));
  });
}

/** The same by jobgate; undefined where it leaves it to Node. */
export function connectHere(bytes: Buffer): AskedConnect | undefined {
  const head = readConnectHead(bytes);
  return head && { target: head.target, rest: bytes.toString('latin1', head.length) };
}
