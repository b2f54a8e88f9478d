import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { OpenGateway } from '../../docker/gateway/gateway.js';
import { GATE_LABEL } from '../../docker/gateway/labels.js';
import { EngineGate } from '../../src/gate/gate.js';
import type { ServedGateway } from '../../src/service/served-gateway.js';
import { Cleanup } from './cleanup.js';
import { FakeDocker, idOf } from './fake-docker.js';
import { type FakeEngineServer, fakeEngine, type Recorded } from './fake-engine.js';
import { type Answer, type AskOptions, ask } from './serve.js';
import { FakeEngine, FakeGateways, startService } from './service.js';

export const GATE = '0123456789ab';

/** The gate in this process, before an engine that is none, with gateways that have no networks. */
export interface GateHere extends AsyncDisposable {
  readonly gate: EngineGate;
  /** Of its unix socket. */
  readonly path: string;
  readonly docker: FakeDocker;
  readonly engine: FakeEngineServer;
  readonly gateways: FakeGateways;
  /** What was logged, by level. */
  readonly logged: readonly [level: string, about: object, message: string][];
  ask(path: string, options?: AskOptions): Promise<Answer>;
  /** Asks by POST. @returns the answer, which must be of this status. */
  post(path: string, body?: unknown, status?: number): Promise<Answer['body']>;
  /** Makes a container. @returns its id */
  create(name: string, body?: object): Promise<string>;
  /** What the engine was asked by these words last: `POST /containers/create`. */
  asked(what: string): {
    readonly path: string;
    readonly body: Answer['body'];
    readonly headers: Recorded['headers'];
  };
  /** How often. */
  times(what: string): number;
  /** The open gateway with this name of a network, or of this job. */
  served(name: string): ServedGateway | undefined;
}

/** As the engine's networks are: by an id that is 64 hex digits, with the client's name and labels. */
class Networks extends FakeGateways {
  readonly #docker: FakeDocker;

  constructor(docker: FakeDocker) {
    super();
    this.#docker = docker;
    const open = this.open;
    this.open = async (asked) => named(await open(asked), asked);
    const named = (
      gateway: Awaited<ReturnType<OpenGateway>>,
      { network: wish }: Parameters<OpenGateway>[0],
    ) => {
      const Name = wish?.name ?? gateway.network.name;
      const Id = idOf(gateway.id);
      const Labels = { ...wish?.labels, [GATE_LABEL]: GATE };
      this.#docker.networks.push({ Id, Name, Labels, Options: { bridge: gateway.id } });
      return Object.assign(gateway, { network: { ...gateway.network, id: Id, name: Name } });
    };
  }
}

/** @param env settings, as `JOBGATE_GATE_READ_OTHERS` */
export async function gateHere(
  env: Record<string, string> = {},
  docker = new FakeDocker(),
): Promise<GateHere> {
  const started = new Cleanup();
  const engine = started.use(await fakeEngine((request, response) => void docker.answer(request, response)));
  const logged: [string, object, string][] = [];
  const log = (level: string) => (about: object, message: string) =>
    void logged.push([level, about, message]);
  const logger = { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') };
  const link = new FakeEngine();
  const connect = link.connect;
  link.connect = async () => ({ ...(await connect()), endpoint: engine.engine.endpoint });
  const gateways = new Networks(docker);
  const { service } = started.use(
    await startService(
      {},
      {
        env: { JOBGATE_GATE_LISTEN: 'unix:///none', ...env },
        ...{ engine: link, gateways, logger },
      },
    ),
  );
  const folder = mkdtempSync(join(tmpdir(), 'jobgate-gate-'));
  started.add(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'socket');
  const gate = started.use(new EngineGate({ id: GATE, service, config: service.config, logger }));
  gate.server.listen(path);
  await once(gate.server, 'listening');

  const asked = (what: string) =>
    engine.requests.filter((one) => one.asked.replace(/ \/v[\d.]+/, ' ').replace(/\?.*/, '') === what);
  const here: GateHere = {
    ...{ gate, path, docker, engine, gateways, logged },
    ask: (target, options) => ask(path, target, options),
    async post(target, body, status) {
      const answer = await ask(path, target, { method: 'POST', body });
      if (status === undefined ? answer.status >= 300 : answer.status !== status)
        throw new Error(`POST ${target}: ${answer.status} ${JSON.stringify(answer.body)}`);
      return answer.body;
    },
    create: async (name, body = {}) =>
      (await here.post(`/containers/create?name=${name}`, { Image: 'image', ...body }, 201)).Id,
    asked(what) {
      const last = asked(what).at(-1);
      if (!last) throw new Error(`the engine was not asked ${what}, but ${engine.asked.join(', ')}`);
      const { headers, body } = last;
      return {
        headers,
        path: last.asked.split(' ')[1] as string,
        body: body === '' ? undefined : JSON.parse(body),
      };
    },
    times: (what) => asked(what).length,
    served: (name) =>
      gate.own.gateways().find(({ gateway, policy }) => [gateway.network.name, policy.job].includes(name)),
    [Symbol.asyncDispose]: () => started[Symbol.asyncDispose](),
  };
  return here;
}
