import { createSocket, type RemoteInfo } from 'node:dgram';
import { createServer, isIPv6, type Socket } from 'node:net';
import { type Question, RCODES, readQuestion, type WireRecord, writeAnswer } from './dns-wire.js';

/** What one query gets. */
export type DnsReply = DnsFailure | DnsRecords | readonly string[];

/** `silence`: no answer at all. `nodata`: the name exists without addresses of this family. */
export type DnsFailure = 'nxdomain' | 'nodata' | 'servfail' | 'refused' | 'silence' | 'garbage';

export interface DnsRecords {
  /** A query gets those of its family; default none. */
  readonly addresses?: readonly string[];
  /** Answered first, followed by the addresses of that name as this server knows them, all in one answer. */
  readonly cname?: string;
  /** Seconds; default 60. */
  readonly ttl?: number;
  /** Time before the answer, ms; default 0. */
  readonly delayMs?: number;
  /** Instead of addresses, after the delay. */
  readonly fail?: DnsFailure;
}

/**
 * What a name gets: one reply for ever, or a list in which the n-th A query gets the n-th reply, as does the n-th
 * AAAA query, and the last one stays (rebinding); or a reply per family.
 */
export type DnsScript =
  | DnsReply
  | readonly (DnsRecords | DnsFailure | readonly string[])[]
  | { readonly A: DnsScript; readonly AAAA: DnsScript };

/** `n` counts the queries for this name and type from 0. Undefined is `nxdomain`. */
export type DnsAnswerer = (name: string, type: string, n: number) => DnsReply | undefined;

export interface DnsServerOptions {
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** Default a free one. */
  readonly port?: number;
  /** Names in lower case, without trailing dot; `*` is for all others (which are else `nxdomain`). */
  readonly records?: Readonly<Record<string, DnsScript>>;
  /** Asked first; what it leaves undefined is looked up in the records. */
  readonly answer?: DnsAnswerer;
}

export interface DnsServer extends AsyncDisposable {
  /** `IP:PORT`, with IPv6 in brackets, as `--dns` takes it. */
  readonly address: string;
  readonly port: number;
  /** Every query so far as `name TYPE`, e.g. `a.test AAAA`. */
  readonly queries: string[];
  /** Sets or replaces what a name gets and starts its script anew. */
  set(name: string, script: DnsScript): void;
  close(): Promise<void>;
}

/** A small authoritative DNS server over UDP and TCP, for tests. */
export async function startDnsServer(options: DnsServerOptions = {}): Promise<DnsServer> {
  const host = options.host ?? '127.0.0.1';
  const records = new Map(Object.entries(options.records ?? {}));
  const counts = new Map<string, number>();
  const queries: string[] = [];
  const timers = new Set<NodeJS.Timeout>();

  function replyTo(name: string, type: string): DnsReply {
    const key = `${name} ${type}`;
    const n = counts.get(key) ?? 0;
    counts.set(key, n + 1);
    const answered = options.answer?.(name, type, n);
    return answered ?? pick(records.get(name) ?? records.get('*'), type, n);
  }

  function handle(message: Buffer, maxBytes: number | undefined, send: (answer: Buffer) => void): void {
    const question = readQuestion(message);
    if (!question) return;
    queries.push(`${question.name} ${question.type}`);
    const reply = normalise(replyTo(question.name, question.type));
    const answer = answerTo(question, reply, maxBytes ?? question.maxBytes);
    if (!answer) return;
    if (!reply.delayMs) {
      send(answer);
      return;
    }
    const timer = setTimeout(() => {
      timers.delete(timer);
      send(answer);
    }, reply.delayMs);
    timers.add(timer);
  }

  function answerTo(question: Question, reply: DnsRecords, maxBytes: number): Buffer | undefined {
    if (reply.fail === 'silence') return undefined;
    if (reply.fail === 'garbage') return Buffer.concat([question.raw, question.raw]);
    const rcode = failureCode(reply.fail);
    const chain: WireRecord[] = [];
    let { name } = question;
    let current = reply;
    while (current.cname !== undefined && chain.length < 16) {
      chain.push({ name, type: 'CNAME', ttl: current.ttl ?? 60, data: current.cname });
      name = current.cname;
      current = normalise(replyTo(name, question.type));
    }
    const wanted = (current.addresses ?? []).filter((a) => (isIPv6(a) ? 'AAAA' : 'A') === question.type);
    const type = question.type as 'A' | 'AAAA';
    const found = wanted.map((data) => ({ name, type, ttl: current.ttl ?? 60, data }));
    return writeAnswer(
      question,
      chain.length > 0 ? failureCode(current.fail) : rcode,
      [...chain, ...found],
      maxBytes,
    );
  }

  const { udp, tcp, port } = await bind(host, options.port ?? 0);
  udp.on('message', (message: Buffer, from: RemoteInfo) => {
    handle(message, undefined, (answer) => udp.send(answer, from.port, from.address, () => {}));
  });
  const clients = new Set<Socket>();
  tcp.on('connection', (socket) => {
    clients.add(socket);
    socket.on('close', () => clients.delete(socket));
    socket.on('error', () => {});
    let buffer = Buffer.alloc(0);
    socket.on('data', (chunk: Buffer) => {
      buffer = Buffer.concat([buffer, chunk]);
      while (buffer.length >= 2 && buffer.length >= 2 + buffer.readUInt16BE(0)) {
        const length = buffer.readUInt16BE(0);
        handle(buffer.subarray(2, 2 + length), 65_535, (answer) => {
          const prefix = Buffer.alloc(2);
          prefix.writeUInt16BE(answer.length);
          if (!socket.destroyed) socket.write(Buffer.concat([prefix, answer]));
        });
        buffer = buffer.subarray(2 + length);
      }
    });
  });

  let closing: Promise<void> | undefined;
  const close = () => {
    closing ??= (async () => {
      for (const timer of timers) clearTimeout(timer);
      for (const client of clients) client.destroy();
      await Promise.all([
        new Promise<void>((done) => udp.close(done)),
        new Promise<void>((done) => tcp.close(() => done())),
      ]);
    })();
    return closing;
  };
  return {
    address: isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`,
    port,
    queries,
    set(name, script) {
      records.set(name, script);
      for (const key of counts.keys()) if (key.startsWith(`${name} `)) counts.delete(key);
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** UDP and TCP on one port. A free UDP port may be taken for TCP: then another one is tried. */
async function bind(host: string, wanted: number) {
  for (let attempt = 0; ; attempt++) {
    const udp = createSocket(isIPv6(host) ? 'udp6' : 'udp4');
    await new Promise<void>((done, fail) => {
      udp.once('error', fail);
      udp.bind(wanted, host, done);
    });
    const { port } = udp.address();
    const tcp = createServer();
    try {
      await new Promise<void>((done, fail) => {
        tcp.once('error', fail);
        tcp.listen(port, host, done);
      });
      udp.on('error', () => {});
      return { udp, tcp, port };
    } catch (error) {
      udp.close();
      if (wanted !== 0 || attempt === 10) throw error;
    }
  }
}

function pick(script: DnsScript | undefined, type: string, n: number): DnsReply {
  if (script === undefined) return 'nxdomain';
  if (typeof script === 'string') return script;
  if (Array.isArray(script)) {
    if (script.length === 0 || isAddress(script[0])) return script as readonly string[];
    return pick(script[Math.min(n, script.length - 1)] as DnsScript, type, n);
  }
  if ('A' in script) return pick(type === 'AAAA' ? script.AAAA : script.A, type, n);
  return script as DnsRecords;
}

function isAddress(value: unknown): boolean {
  return typeof value === 'string' && /[.:]/.test(value);
}

function normalise(reply: DnsReply): DnsRecords {
  if (typeof reply === 'string') return { fail: reply };
  return Array.isArray(reply) ? { addresses: reply as readonly string[] } : (reply as DnsRecords);
}

function failureCode(fail: DnsFailure | undefined): number {
  if (fail === 'nxdomain') return RCODES.NXDOMAIN;
  if (fail === 'servfail') return RCODES.SERVFAIL;
  return fail === 'refused' ? RCODES.REFUSED : RCODES.NOERROR;
}
