import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ClientConnection } from '../accept/client-connection.js';
import type { Decider } from '../decide/decider.js';
import {
  type Authority,
  formatAuthority,
  parseAbsoluteTarget,
  parseHostHeader,
} from '../policy/authority.js';
import { closeWith, discardInput } from '../refuse/answer.js';
import { Refusal } from '../refuse/refusal.js';
import { type Subject, subjectOf } from '../report/subject.js';
import { Cancellation } from '../util/cancellation.js';
import type { Semaphore } from '../util/semaphore.js';
import { Exchange, type ForwardParts } from './exchange.js';
import { checkVersion, type RequestHead, readRequestHead } from './heads.js';

/** A body up to this many bytes is read and thrown away after a refusal, so that the connection can go on. */
const MAX_DISCARD = 65_536;

interface Asked {
  readonly authority: Authority;
  /** Whether the proxy is to make the TLS connection itself. */
  readonly secure: boolean;
  readonly path: string;
}

export interface RequestParts extends ForwardParts {
  readonly decider: Decider;
  /** Requests in flight at once. */
  readonly requests: Semaphore;
  /** Tunnels open at once, and WebSockets with them. */
  readonly tunnels: Semaphore;
}

/** Answers a request: from the host that it names, or with a refusal. */
export async function serveRequest(
  parts: RequestParts,
  connection: ClientConnection,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { decider, refuser, sessions, stamp } = parts;
  if (connection.refused) return;
  connection.requestBegan();
  connection.latest = { request, response };
  const gone = new Cancellation();
  let release: (() => void) | undefined;
  let exchange: Exchange | undefined;
  const over = () => {
    forget();
    response.off('close', over);
    gone.cancel();
    if (exchange) exchange.over(() => release?.());
    else release?.();
    connection.requestEnded();
  };
  const forget = connection.whenGone(over);
  response.once('close', over);
  const { method, url: target } = request;
  let subject = subjectOf(connection, { method, target });
  const refuse = (refusal: Refusal) => refuseRequest(parts, connection, request, response, subject, refusal);
  try {
    checkVersion(request.httpVersion);
    const head = readRequestHead(request.rawHeaders, stamp[0]);
    const { authority, secure, path } = askedFor(connection, request, head);
    subject = subjectOf(connection, { method, target, authority });
    const checked = checkHead(request, head);
    if (sessions.closing) throw new Refusal('closing');
    const open = checked.webSocket ? parts.tunnels : parts.requests;
    release = open.acquire();
    if (release === undefined) throw new Refusal(open.reason);
    // Inside a tunnel the port is the one that CONNECT was allowed to.
    const kind = connection.tunnel ? 'tunnel' : secure ? 'tls' : 'request';
    const judged = await decider.route(authority, kind, gone);
    // It may have gone since the decision: nobody would end then what begins here.
    gone.throwIfCancelled();
    const allowed = {
      connection,
      request,
      response,
      subject,
      head: checked,
      target: judged,
      path,
      cancel: gone,
    };
    exchange = new Exchange(parts, allowed, refuse);
    exchange.start();
  } catch (error) {
    if (!gone.cancelled) refuse(refuser.refusalFor(error));
  }
}

/**
 * Refuses a request. The connection goes on where what follows can be told from the refused body; else it is
 * closed, and nothing behind it is read as a request.
 */
function refuseRequest(
  { refuser, sessions }: RequestParts,
  connection: ClientConnection,
  request: IncomingMessage,
  response: ServerResponse,
  subject: Subject,
  refusal: Refusal,
): void {
  const { status, phrase, headers, body, text } = refuser.answer(subject, refusal);
  const goesOn = status !== 400 && !sessions.closing && restIsClear(request);
  if (!goesOn) connection.refused = true;
  if (!goesOn && connection.inFlight === 1) {
    connection.headArrived();
    closeWith(connection.stream, text);
    return;
  }
  // Earlier answers on this connection come first: Node keeps the order.
  if (!goesOn) {
    response.shouldKeepAlive = false;
    discardInput(connection.stream);
  }
  response.writeHead(status, phrase, headers);
  response.end(body);
  request.resume();
}

function restIsClear(request: IncomingMessage): boolean {
  if (request.complete) return true;
  let length = 0;
  for (let i = 0; i < request.rawHeaders.length; i += 2) {
    const name = request.rawHeaders[i]?.toLowerCase();
    if (name === 'transfer-encoding' || name === 'expect' || name === 'upgrade') return false;
    if (name === 'content-length') length = Number(request.rawHeaders[i + 1]);
  }
  return length <= MAX_DISCARD;
}

/** The target, from an absolute form to the proxy or an origin form to a host; each only there. */
export function askedFor(
  connection: ClientConnection,
  request: Pick<IncomingMessage, 'url' | 'httpVersion'>,
  head: Pick<RequestHead, 'hosts'>,
): Asked {
  const url = request.url ?? '';
  const { tunnel, direct } = connection;
  if (head.hosts.length > 1) throw new Refusal('malformed-request', { detail: 'two Host headers' });
  if (head.hosts.length === 0 && request.httpVersion !== '1.0') {
    throw new Refusal('malformed-request', { detail: 'Host is missing' });
  }
  if (tunnel || direct !== undefined) {
    if (!url.startsWith('/')) {
      throw new Refusal('malformed-target', {
        detail: 'a request target that is not for a proxy begins with a slash',
      });
    }
    return {
      authority: askedHost(tunnel?.authority ?? direct ?? 0, head.hosts[0]),
      secure: false,
      path: url,
    };
  }
  const parsed = parseAbsoluteTarget(url);
  if (!parsed.ok) throw new Refusal(parsed.reason, { detail: parsed.problem });
  return parsed.value;
}

/**
 * What `Host` names. Whoever serves several hosts at an address goes by it: it must be the one that was allowed, or at
 * least at the port that was connected to.
 */
function askedHost(allowed: Authority | number, host: string | undefined): Authority {
  const parsed = parseHostHeader(host ?? '', 80);
  if (!parsed.ok) throw new Refusal('malformed-request', { detail: `Host: ${parsed.problem}` });
  const { value } = parsed;
  const same =
    typeof allowed === 'number'
      ? value.port === allowed
      : formatAuthority(value) === formatAuthority(allowed);
  if (!same) throw new Refusal('other-authority');
  return value;
}

function checkHead(request: IncomingMessage, head: RequestHead): RequestHead {
  // HTTP/2 may be offered, and going on without it is the answer (RFC 9110 section 7.8). Others get an answer.
  const plain = request.method === 'GET' && request.httpVersion === '1.1' && head.framing.kind === 'none';
  if (!(head.webSocket && plain) && head.upgrades.some((protocol) => protocol !== 'h2c')) {
    throw new Refusal('unsupported-upgrade');
  }
  const { maxForwards } = head;
  if (maxForwards === undefined || (request.method !== 'TRACE' && request.method !== 'OPTIONS')) return head;
  if (!/^[1-9]\d{0,8}$/.test(maxForwards)) {
    throw new Refusal('malformed-request', { detail: 'Max-Forwards is used up, or not a number' });
  }
  return { ...head, maxForwards: String(Number(maxForwards) - 1) };
}
