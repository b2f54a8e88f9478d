import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import type { ClientConnection } from '../accept/client-connection.js';
import type { Core } from '../core.js';
import {
  type Authority,
  formatAuthority,
  parseAbsoluteTarget,
  parseHostHeader,
} from '../policy/authority.js';
import { DENIALS } from '../policy/denials.js';
import { closeWith, denialAnswer, denialText, discardInput } from '../refuse/answer.js';
import { asRefusal, Refusal } from '../refuse/refusal.js';
import { printable, type Subject } from '../report/recorder.js';
import { Cancellation } from '../util/cancellation.js';
import { Exchange, type ForwarderOptions } from './exchange.js';
import { checkVersion, type RequestHead, readRequestHead } from './heads.js';

/** A body up to this many bytes is read and thrown away after a refusal, so that the connection can go on. */
const MAX_DISCARD = 65_536;

interface Asked {
  readonly authority: Authority;
  readonly path: string;
}

/** Answers a request: from the host that it names, or with a refusal. */
export async function serveRequest(
  forwarder: ForwarderOptions,
  connection: ClientConnection,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { core } = forwarder;
  if (connection.refused) return;
  connection.requestBegan();
  connection.latest = { request, response };
  const gone = new Cancellation();
  const leave = core.gates.requests.enter();
  let exchange: Exchange | undefined;
  const over = () => {
    forget();
    response.off('close', over);
    gone.cancel();
    exchange?.over();
    leave?.();
    connection.requestEnded();
  };
  const forget = connection.whenGone(over);
  response.once('close', over);
  let subject = subjectOf(connection, request, undefined);
  const refuse = (refusal: Refusal) => refuseRequest(core, connection, request, response, subject, refusal);
  try {
    checkVersion(request.httpVersion);
    const head = readRequestHead(request.rawHeaders, core.policy.operator.jobHeader);
    const asked = askedFor(connection, request, head);
    subject = subjectOf(connection, request, asked.authority);
    const checked = checkHead(request, head);
    if (core.closing) throw new Refusal('closing');
    if (leave === undefined) throw new Refusal(core.gates.requests.reason);
    // Inside a tunnel the port is the one that CONNECT was allowed to.
    const kind = connection.tunnel ? 'tunnel' : 'request';
    const target = await core.decider.route(asked.authority, kind, gone);
    const parts = { connection, request, response, subject, head: checked, target, path: asked.path };
    exchange = new Exchange(forwarder, { ...parts, cancel: gone }, refuse);
    exchange.start();
  } catch (error) {
    if (!gone.cancelled) refuse(asRefusal(core, error));
  }
}

/**
 * Refuses a request. The connection goes on where what follows can be told from the refused body; else it is
 * closed, and nothing behind it is read as a request.
 */
export function refuseRequest(
  core: Core,
  connection: ClientConnection,
  request: IncomingMessage,
  response: ServerResponse,
  subject: Subject,
  { reason, detail, address }: Refusal,
): void {
  const { status } = DENIALS[reason];
  core.recorder.denied(subject, reason, status, address);
  const denial = { reason, host: subject.host, port: subject.port, job: core.policy.job.job, detail };
  const goesOn = status !== 400 && !core.closing && restIsClear(request);
  if (!goesOn) connection.refused = true;
  if (!goesOn && connection.inFlight === 1) {
    connection.headArrived();
    closeWith(connection.stream, denialText(denial));
    return;
  }
  // Earlier answers on this connection come first: Node keeps the order.
  const { headers, body } = denialAnswer(denial);
  if (!goesOn) {
    response.shouldKeepAlive = false;
    discardInput(connection.stream);
  }
  // With its phrase: one of the origin's that Node found malformed would stay, and be thrown for again.
  response.writeHead(status, STATUS_CODES[status], headers);
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

function subjectOf(
  connection: ClientConnection,
  request: IncomingMessage,
  authority: Authority | undefined,
): Subject {
  const shown = authority ?? connection.tunnel?.authority;
  return {
    connection: connection.id,
    client: connection.client,
    method: request.method ?? '-',
    host: shown?.host ?? printable(request.url ?? ''),
    port: shown?.port ?? 0,
    since: performance.now(),
  };
}

/** The target, from an absolute form to the proxy or an origin form inside a tunnel; each only there. */
function askedFor(connection: ClientConnection, request: IncomingMessage, head: RequestHead): Asked {
  const url = request.url ?? '';
  const { tunnel } = connection;
  if (head.hosts.length > 1) throw new Refusal('malformed-request', { detail: 'two Host headers' });
  if (head.hosts.length === 0 && request.httpVersion !== '1.0') {
    throw new Refusal('malformed-request', { detail: 'Host is missing' });
  }
  if (tunnel) {
    if (!url.startsWith('/')) {
      throw new Refusal('malformed-target', {
        detail: 'inside a tunnel a request target begins with a slash',
      });
    }
    checkHost(tunnel.authority, head.hosts[0]);
    return { authority: tunnel.authority, path: url };
  }
  const parsed = parseAbsoluteTarget(url);
  if (!parsed.ok) throw new Refusal(parsed.reason, { detail: parsed.problem });
  return parsed.value;
}

/** Whoever serves several hosts at an address goes by `Host`: it must be the one that was allowed. */
function checkHost(authority: Authority, host: string | undefined): void {
  const parsed = parseHostHeader(host ?? '', 80);
  if (!parsed.ok) throw new Refusal('malformed-request', { detail: `Host: ${parsed.problem}` });
  if (formatAuthority(parsed.value) !== formatAuthority(authority)) throw new Refusal('other-authority');
}

function checkHead(request: IncomingMessage, head: RequestHead): RequestHead {
  // HTTP/2 may be offered, and going on without it is the answer (RFC 9110 section 7.8). Others get an answer.
  if (head.upgrades.some((protocol) => protocol !== 'h2c')) throw new Refusal('unsupported-upgrade');
  const { maxForwards } = head;
  if (maxForwards === undefined || (request.method !== 'TRACE' && request.method !== 'OPTIONS')) return head;
  if (!/^[1-9]\d{0,8}$/.test(maxForwards)) {
    throw new Refusal('malformed-request', { detail: 'Max-Forwards is used up, or not a number' });
  }
  return { ...head, maxForwards: String(Number(maxForwards) - 1) };
}
