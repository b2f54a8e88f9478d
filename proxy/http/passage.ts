import type { ClientConnection } from '../accept/client-connection.js';
import { formatAuthority } from '../policy/authority.js';
import type { JudgedTarget } from '../policy/judged.js';
import { unreadBytes } from '../rate/unread.js';
import { closeWith } from '../refuse/answer.js';
import { Refusal } from '../refuse/refusal.js';
import { type Subject, subjectOf } from '../report/subject.js';
import type { Session } from '../sessions.js';
import { buffered } from '../util/buffered.js';
import { Cancellation } from '../util/cancellation.js';
import type { AnswerHead } from './answer-head.js';
import { AnswerReader, type AnswerSink } from './answer-reader.js';
import { BrokenAnswer } from './broken-answer.js';
import { ClientAnswer } from './client-answer.js';
import { MAX_INFORMATION } from './exchange.js';
import { readRequestHead, responseLines, trailerLines } from './heads.js';
import { FREE_MS, keyOf } from './origin-agent.js';
import type { OriginConnection, OriginUser } from './origin-connection.js';
import type { OriginPool } from './origin-pool.js';
import { askedFor, type RequestParts } from './request.js';
import type { SimpleHead } from './simple-head.js';

export interface PassageParts extends RequestParts {
  readonly pool: OriginPool;
}

/**
 * A simple request, from its head to the end of its answer: what `serveRequest` and `Exchange` do for all others, without
 * Node's objects for either. What the job and the origin get is the same, byte by byte.
 */
export class Passage implements Session, OriginUser, AnswerSink {
  readonly #with: PassageParts;
  readonly #connection: ClientConnection;
  readonly #head: SimpleHead;
  readonly #done: (goesOn: boolean) => void;
  readonly #answer: ClientAnswer;
  readonly #cancel = new Cancellation();
  readonly #forget: () => void;
  #subject: Subject | undefined;
  #target: JudgedTarget | undefined;
  #key = '';
  #request = '';
  #release: (() => void) | undefined;
  #origin: OriginConnection | undefined;
  #reader: AnswerReader | undefined;
  #allowed = false;
  #settled = false;
  #retried = false;
  #information = 0;
  /** Of the origin's connection, before it was used for this. */
  #readBefore = 0;
  /** Bytes of origins' connections that were this request's. */
  #fromOrigin = 0;
  #keepMs = FREE_MS;
  #reason: string | undefined;
  #isOver = false;

  /** @param done called once, when its answer is out; `goesOn`: another request may follow on the connection */
  constructor(
    parts: PassageParts,
    connection: ClientConnection,
    head: SimpleHead,
    done: (goesOn: boolean) => void,
  ) {
    this.#with = parts;
    this.#connection = connection;
    this.#head = head;
    this.#done = done;
    this.#answer = new ClientAnswer(connection.stream, head.closes);
    this.#forget = connection.whenGone(() => this.#over(false));
  }

  get target(): JudgedTarget {
    if (this.#target === undefined) throw new Error('nothing was judged yet');
    return this.#target;
  }

  /** Before its authority is understood, by what can be shown of the target. */
  private get subject(): Subject {
    this.#subject ??= subjectOf(this.#connection, this.#head);
    return this.#subject;
  }

  async serve(): Promise<void> {
    const { decider, refuser, sessions, requests } = this.#with;
    const connection = this.#connection;
    connection.requestBegan();
    try {
      const { method, target: url, lines } = this.#head;
      const head = readRequestHead(lines, this.#with.stamp[0]);
      const { authority, path } = askedFor(connection, { url, httpVersion: '1.1' }, head);
      this.#subject = subjectOf(connection, { method, target: url, authority });
      if (sessions.closing) throw new Refusal('closing');
      this.#release = requests.acquire();
      if (this.#release === undefined) throw new Refusal(requests.reason);
      const target = await decider.route(authority, connection.tunnel ? 'tunnel' : 'request', this.#cancel);
      // It may have gone since the decision: nobody would end then what begins here.
      this.#cancel.throwIfCancelled();
      this.#target = target;
      this.#key = keyOf(target);
      this.#request = this.#headFor(path, head.lines);
      const paid = sessions.began(this);
      if (paid) await paid;
      this.#cancel.throwIfCancelled();
      this.#send(this.#with.pool.take(this.#key));
    } catch (error) {
      if (!this.#cancel.cancelled) this.#refuse(refuser.refusalFor(error));
    }
  }

  get connection(): ClientConnection {
    return this.#connection;
  }

  get held(): number {
    return this.#connection.held + buffered(this.#origin?.socket);
  }

  end(reason: string): void {
    this.#reason ??= reason;
    this.#origin?.destroy();
    this.#connection.stream.destroy();
  }

  /** What of the job's may go to the origin, and what the proxy says. */
  #headFor(path: string, lines: readonly string[]): string {
    const [name, value] = this.#with.stamp;
    let text = `${this.#head.method} ${path} HTTP/1.1\r\nHost: ${formatAuthority(this.target.authority, 80)}\r\n`;
    for (let i = 0; i < lines.length; i += 2) text += `${lines[i]}: ${lines[i + 1]}\r\n`;
    return `${text}${name}: ${value}\r\nConnection: keep-alive\r\n\r\n`;
  }

  #send(kept: OriginConnection | undefined): void {
    if (kept) {
      this.#use(kept);
      return;
    }
    this.#with.decider.dialForRequests(this.target, this.#cancel).then(
      (socket) => this.#use(this.#with.pool.connection(socket, this.#key, this.target)),
      (error) => {
        if (!this.#cancel.cancelled) this.#fail(this.#with.refuser.refusalFor(error));
      },
    );
  }

  #use(origin: OriginConnection): void {
    if (this.#isOver || !origin.isOpen) {
      origin.destroy();
      if (!this.#isOver) this.#fail(new Refusal('origin-broken'));
      return;
    }
    this.#origin = origin;
    if (!this.#allowed) {
      this.#allowed = true;
      this.#with.recorder.allowed(this.subject, origin.socket.remoteAddress, this.target.learned);
    }
    const toHead = this.#head.method === 'HEAD';
    this.#reader = new AnswerReader({ toHead, headerBytes: this.#with.headerBytes }, this);
    this.#readBefore = origin.socket.bytesRead;
    origin.use(this);
    origin.socket.write(this.#request, 'latin1');
  }

  bytes(chunk: Buffer): void {
    const reader = this.#reader as AnswerReader;
    try {
      reader.push(chunk);
    } catch (error) {
      this.#broken(error);
      return;
    }
    if (reader.done) this.#whole();
    else if (!this.#answer.flush()) this.#wait();
  }

  ended(): void {
    try {
      this.#reader?.ended();
      this.#whole();
    } catch (error) {
      this.#broken(error);
    }
  }

  gone(): void {
    this.#broken(new BrokenAnswer('the connection broke'));
  }

  information({ status, lines }: AnswerHead): void {
    if (++this.#information > MAX_INFORMATION) throw new BrokenAnswer('too many 1xx');
    if (status === 102) this.#answer.processing();
    else if (status === 103) this.#answer.hints(responseLines(lines));
  }

  head(head: AnswerHead): void {
    const { status, phrase, lines, framing } = head;
    this.#answer.head(status, phrase, responseLines(lines), framing.kind);
    this.#keepMs = keptFor(lines);
    this.#settled = true;
  }

  body(part: Buffer): void {
    this.#answer.body(part);
  }

  whole(trailers: readonly string[]): void {
    this.#answer.trailers(trailerLines(trailers));
  }

  #whole(): void {
    const origin = this.#origin as OriginConnection;
    this.#origin = undefined;
    this.#count(origin);
    if (this.#reader?.leavesOpen) this.#with.pool.give(origin, this.#key, this.#keepMs);
    else origin.destroy();
    this.#answer.flush(() => this.#over(true));
  }

  /** The client reads more slowly than the origin sends. */
  #wait(): void {
    const { socket } = this.#origin as OriginConnection;
    socket.pause();
    this.#connection.stream.once('drain', () => socket.resume());
  }

  #broken(cause: unknown): void {
    const origin = this.#origin as OriginConnection;
    // Fail closed, and say so, where it is a mistake of ours.
    const refusal =
      cause instanceof BrokenAnswer
        ? new Refusal('origin-broken', { cause })
        : this.#with.refuser.refusalFor(cause);
    if (this.#settled) {
      // Part of the answer is out: the client must see that it is not whole.
      this.#answer.flush();
      this.#reason ??= 'origin-reset';
      this.#connection.stream.destroy();
    } else if (origin.reused && !this.#retried && origin.socket.bytesRead === this.#readBefore) {
      // The origin closed a kept connection just when it was used again (RFC 9112 section 9.3.1).
      this.#retried = true;
      this.#origin = undefined;
      origin.destroy();
      this.#with.pool.discard(this.#key);
      this.#send(undefined);
    } else this.#fail(refusal);
  }

  #fail(refusal: Refusal): void {
    this.#reason ??= refusal.reason;
    if (this.#origin) {
      // It is cut while it sends.
      if (this.#origin.isOpen) this.#with.limiter.charge(unreadBytes('unread'), this.target.authority.host);
      this.#count(this.#origin);
      this.#origin.destroy();
    }
    this.#origin = undefined;
    this.#refuse(refusal);
  }

  #count({ socket }: OriginConnection): void {
    this.#fromOrigin += socket.bytesRead - this.#readBefore;
  }

  /** The connection goes on, unless what was asked is no request. Only called before anything of an answer was sent. */
  #refuse(refusal: Refusal): void {
    const connection = this.#connection;
    const { status, headers, body, text } = this.#with.refuser.answer(this.subject, refusal);
    if (status === 400 || this.#with.sessions.closing) {
      connection.refused = true;
      connection.headArrived();
      closeWith(connection.stream, text);
      return;
    }
    const statusLine = text.slice(0, text.indexOf('\r\n') + 2);
    this.#answer.denial(statusLine, headers, this.#head.method === 'HEAD' ? '' : body);
    this.#answer.flush(() => this.#over(true));
  }

  /** What is in the kernel; the rest was read. */
  #chargeUnread({ socket }: OriginConnection): void {
    const was = socket.isPaused() ? 'held' : this.#settled ? 'flowing' : 'unread';
    this.#with.limiter.charge(unreadBytes(was), this.target.authority.host);
  }

  /** The answer is out, or its client is gone. */
  #over(finished: boolean): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const { recorder, sessions } = this.#with;
    const connection = this.#connection;
    this.#forget();
    this.#cancel.cancel();
    if (this.#origin) {
      this.#chargeUnread(this.#origin);
      this.#count(this.#origin);
      this.#origin.destroy();
    }
    if (this.#allowed) {
      const reason = this.#reason ?? (finished ? 'end' : 'client-reset');
      const { up, down } = connection.takeBytes();
      // What of it the job did not get: lines that are not passed on, say, or what stood behind the answer.
      this.#with.limiter.charge(this.#fromOrigin - down, this.target.authority.host);
      recorder.closed(this.subject, { kind: 'request', up, down, reason });
    }
    if (this.#target) sessions.over(this);
    this.#release?.();
    connection.requestEnded();
    this.#done(finished && !this.#head.closes);
  }
}

/** How long an origin keeps a connection, ms: with `Keep-Alive: timeout=` a second less than it says. */
function keptFor(lines: readonly string[]): number {
  for (let i = 0; i < lines.length; i += 2) {
    const name = lines[i] as string;
    if (name.length !== 10 || name.toLowerCase() !== 'keep-alive') continue;
    const seconds = /^timeout=([0-9]{1,9})/.exec(lines[i + 1] as string)?.[1];
    if (seconds !== undefined) return Math.min(FREE_MS, Number(seconds) * 1_000 - 1_000);
  }
  return FREE_MS;
}
