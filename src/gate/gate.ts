import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Job } from '../../admission/job.js';
import type { NetworkWish } from '../../docker/gateway/gateway.js';
import type { Logger } from '../../proxy/policy/logger.js';
import type { JobPolicy } from '../../proxy/policy/policy.js';
import type { Config } from '../config/load.js';
import type { ServedGateway } from '../service/served-gateway.js';
import type { Service } from '../service/service.js';
import { EngineAsks } from './engine-asks.js';
import type { Exchange, Gate } from './exchange.js';
import { HANDLERS } from './handlers.js';
import { answerPlainly, type ClientEnd } from './hijack.js';
import { answerHijack } from './hijacked.js';
import { Own } from './own.js';
import { PassOn } from './pass-on.js';
import { asRefusal, GateRefusal, notFound } from './refusal.js';
import { findRequest, type Known, type Names } from './requests.js';
import { AbandonedContainers } from './stock-node/abandoned.js';
import { Attendance } from './stock-node/attendance.js';
import { answerForGateway } from './stock-node/gateway-requests.js';
import { type NodeGateway, StockNodes } from './stock-node/stock-nodes.js';
import { formatTarget, parseTarget } from './target.js';

/** Of a head: clients of one library put all that they create into the query as well. */
const MAX_HEAD = 1 << 20;
const HEAD_MS = 30_000;
/** A client has a few; each is a descriptor or two of serve's. */
const MAX_CONNECTIONS = 1_024;
/** Whether containers are gone is looked at so often, events or not. */
const LOOK_MS = 30_000;
/** What an engine was asked for by a serve that died is there by then. */
const LATE_MS = 30_000;

/** What a stock node has open for as long as it has a job. */
const STREAMS = /\/(wait|logs)$/;

/** Often enough that what is abandoned is not there for much longer than it may be. */
const lookMs = ({ gate }: Config) =>
  Math.min(LOOK_MS, Math.max(1_000, (gate?.abandonedAfterMs ?? LOOK_MS) / 4));

/** Id of the gate that listens at a path: the same after each start. */
export function gateId(path: string): string {
  return createHash('sha256').update(path).digest('hex').slice(0, 12);
}

interface GateOptions {
  readonly id: string;
  readonly service: Service;
  readonly config: Config;
  readonly logger: Logger;
}

/** The engine's API as jobgate offers it to Docker clients: what comes through it is enforced. */
export class EngineGate implements Gate, AsyncDisposable {
  readonly server: Server;
  readonly service: Service;
  readonly config: Config;
  readonly own: Own;
  readonly nodes: StockNodes;
  readonly asks: EngineAsks;
  readonly passOn: PassOn;
  readonly logger: Logger;
  readonly #attendance = new Attendance();
  readonly #abandoned: AbandonedContainers;
  readonly #sockets = new Set<Socket>();
  readonly #timer: NodeJS.Timeout;

  constructor({ id, service, config, logger }: GateOptions) {
    this.service = service;
    this.config = config;
    this.logger = logger;
    this.asks = new EngineAsks(() => service.engine);
    this.passOn = new PassOn(this.asks);
    this.own = new Own({ id, asks: this.asks, gateways: () => service.gateways.list() });
    this.nodes = new StockNodes(this);
    this.#abandoned = new AbandonedContainers(this, this.#attendance);
    this.server = createServer({ maxHeaderSize: MAX_HEAD, headersTimeout: HEAD_MS, requestTimeout: 0 });
    this.server.maxConnections = MAX_CONNECTIONS;
    this.server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket)).on('error', () => {});
    });
    this.server.on('request', (request, response) => void this.#answer(request, response));
    this.server.on('upgrade', (request, socket, head) => void this.#upgrade(request, socket, head));
    service.onReady(() => void this.#lookAround());
    service.onContainerGone((container) => this.removed(container));
    service.abandoned = () => this.#abandoned.list();
    this.#timer = setInterval(() => void this.#lookAround(), lookMs(config)).unref();
  }

  async open(
    policy: JobPolicy,
    wish: NetworkWish,
    job: Job,
    admit: () => Promise<void>,
  ): Promise<ServedGateway> {
    const { gateway: served } = await this.service.gateways.open(policy, admit, { wish, job });
    return served;
  }

  async close(served: ServedGateway, reason: string): Promise<void> {
    await this.service.gateways
      .close(served.id, { reason })
      .catch((error) => this.logger.warn({ ...served.ids, err: error }, 'a gateway does not close'));
  }

  removed(container: string): void {
    const network = this.own.remove(container)?.network;
    const served = this.own.gateways().find(({ gateway }) => gateway.network.name === network);
    if (served && !served.isNamed) void this.close(served, 'its container was removed');
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /** Ends at once: what its clients have open is cut. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    const closed = new Promise((resolve) => this.server.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    this.passOn.close();
    this.asks.close();
    if (this.server.listening) await closed;
  }

  /** Closes gateways whose containers went while nobody listened. */
  async #lookAround(): Promise<void> {
    const before = this.own.gateways();
    try {
      await this.own.look();
    } catch (error) {
      this.logger.debug({ err: error }, 'what the engine has cannot be seen now');
      return;
    }
    const used = this.#used();
    for (const served of before) {
      const { name } = served.gateway.network;
      if (served.shared || used.has(name) || this.#isAwaited(served)) continue;
      // Its container may have come while others were closed.
      if (this.#used().has(name)) continue;
      await this.close(served, 'it has no container');
    }
    await this.#abandoned
      .look()
      .catch((error) => this.logger.debug({ err: error }, 'abandoned containers cannot be looked at now'));
  }

  /** Whether its container may be on its way. */
  #isAwaited({ isNamed, reopened, created, unusedSince = 0 }: ServedGateway): boolean {
    // Of a container's create that ended with its serve: nobody asks for it any more.
    if (reopened && !isNamed) return performance.now() - unusedSince < LATE_MS;
    return Date.now() - created.getTime() < this.config.service.unusedAfterMs;
  }

  /** Names of networks. */
  #used(): ReadonlySet<string> {
    return new Set([...this.own.containers.values()].map(({ network }) => network));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      // Else one connection has any number of them under way. No client of an engine does that.
      if (!response.socket) throw new GateRefusal(400, 'jobgate: on a connection, wait for each answer');
      const { known, exchange, of } = await this.#read(request, response);
      if (of) await answerForGateway(known, of, exchange, this);
      else if (known.way === 'hijack') await answerHijack(exchange, this);
      else {
        const { container } = exchange.names;
        if (container !== undefined && STREAMS.test(known.path))
          response.once('close', this.#attendance.begin(container));
        await HANDLERS[known.way](exchange, this);
      }
    } catch (error) {
      const refusal = this.#refusal(error, request);
      if (response.headersSent || response.destroyed) response.destroy();
      else reply(response, refusal.status, JSON.stringify({ message: refusal.message }));
    }
  }

  async #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const client: ClientEnd = { socket, head, upgrade: true };
    try {
      const { known, exchange, of } = await this.#read(request, new ServerResponse(request));
      if (of || known.way !== 'hijack' || request.headers.upgrade?.toLowerCase() !== 'tcp') {
        throw new GateRefusal(400, 'jobgate: this request is not one for an upgrade');
      }
      await answerHijack(exchange, this, client);
    } catch (error) {
      const { status, message } = this.#refusal(error, request);
      answerPlainly(socket, {
        status,
        type: 'application/json',
        body: Buffer.from(JSON.stringify({ message })),
      });
    }
  }

  async #read(
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<{ readonly known: Known; readonly exchange: Exchange; readonly of: NodeGateway | undefined }> {
    const target = parseTarget(request.method ?? '', request.url ?? '');
    const { known, names } = findRequest(target);
    // Mostly it is a container's id: the gateways need not be gone through.
    const { container } = names;
    const isOwn = container === undefined || this.own.has(container);
    const of = isOwn ? undefined : this.nodes.gatewayOf(container);
    const own = of ? names : await this.#owned(names, known);
    const segments = known.path
      .slice(1)
      .split('/')
      .flatMap((part) => own[/^\{(\w+)\}$/.exec(part)?.[1] as keyof Names]?.split('/') ?? [part]);
    const exchange: Exchange = {
      request,
      response,
      target,
      names: own,
      path: formatTarget(target, segments, known.query),
      answer: (status, body, type) => reply(response, status, body, type),
      json: (status, value) => reply(response, status, JSON.stringify(value)),
    };
    return { known, exchange, of };
  }

  /** The names as the engine has them, all of the client's own. @throws GateRefusal 404 */
  async #owned(names: Names, { looks = false }: Known): Promise<Names> {
    const { container, exec, volume } = names;
    const others = looks && this.config.gate?.readOthers === true;
    if (container !== undefined) return { container: await this.own.container(container, others) };
    if (exec !== undefined) {
      await this.own.ready();
      if (!/^[0-9a-f]{64}$/.test(exec)) throw notFound('exec instance', exec);
      const of = await this.asks.read<{ ContainerID: string }>('GET', `/exec/${exec}/json`);
      if (!this.own.has(of.ContainerID) && !others) throw notFound('exec instance', exec);
    }
    if (volume !== undefined && !others) await this.own.assertVolume(volume);
    return names;
  }

  #refusal(error: unknown, { method, url }: IncomingMessage): GateRefusal {
    const known = asRefusal(error);
    const about = { method, path: url?.split('?')[0]?.slice(0, 200) };
    if (!known) this.logger.error({ err: error, ...about }, 'unexpected, at the gate');
    else if (known.status !== 404)
      this.logger.info({ ...about, problem: known.message }, 'refused at the gate');
    return known ?? new GateRefusal(500, 'jobgate: an unexpected error; the log of serve has more');
  }
}

function reply(
  response: ServerResponse,
  status: number,
  body: Buffer | string,
  type = 'application/json',
): void {
  const bare = status === 204 || status === 304;
  const length = Buffer.byteLength(body);
  // Clients parse what is said to be JSON.
  const headers = { ...(length > 0 && { 'content-type': type }), 'content-length': length };
  response.writeHead(status, bare ? {} : headers);
  response.end(bare ? undefined : body);
}
