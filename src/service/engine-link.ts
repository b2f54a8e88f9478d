import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Engine, openEngine } from '../../docker/engine/engine.js';
import { EngineError, engineMessage } from '../../docker/engine/errors.js';
import type { Logger } from '../../proxy/policy/logger.js';

/** A network event of the engine. */
export interface NetworkEvent {
  readonly network: string;
  readonly container?: string;
}

interface EngineLinkOptions {
  readonly logger: Logger;
  /** The engine answers: at the start, and each time after it was away. It can be used by others once this settled. */
  readonly onUp: (engine: Engine) => Promise<void>;
  /** It can be used, and its events come from now on. */
  readonly onReady: () => void;
  readonly onNetworkEvent: (event: NetworkEvent) => void;
  /** A container was removed. */
  readonly onContainerGone: (id: string) => void;
  /** A container has ended. */
  readonly onContainerExited: (id: string, exitCode: number) => void;
  readonly connect?: () => Promise<Engine>;
}

/** Whether a container keeps the contract is judged by what the engine says of it. */
const NOT_ON_PODMAN =
  'the engine is Podman, whose API does not tell what a container may do: jobgate run works with it, jobgate serve needs Docker';

/** Longest line of the event stream that is looked at, bytes. */
const MAX_LINE = 1 << 20;

/** The engine, which may be away for a while: asks again until it answers, and follows its events. */
export class EngineLink {
  readonly #options: EngineLinkOptions;
  readonly #ended = new AbortController();
  #engine: Engine | undefined;
  #problem = 'the Docker engine has not been asked yet';
  #loop: Promise<void> | undefined;

  constructor(options: EngineLinkOptions) {
    this.#options = options;
  }

  /** @throws EngineError while it does not answer. */
  get engine(): Engine {
    if (this.#engine) return this.#engine;
    throw new EngineError(this.#problem);
  }

  /** Why the engine cannot be used now; undefined where it can. */
  get problem(): string | undefined {
    return this.#engine ? undefined : this.#problem;
  }

  /** Settles once the engine was asked for the first time, whether it answered or not. */
  start(): Promise<void> {
    return new Promise((resolve) => {
      this.#loop = this.#run(resolve);
    });
  }

  async close(): Promise<void> {
    this.#ended.abort();
    await this.#loop;
  }

  async #run(asked: () => void): Promise<void> {
    const { logger, connect = openEngine } = this.#options;
    let wait = 0;
    while (!this.#ended.signal.aborted) {
      try {
        const engine = await connect();
        if (engine.product === 'Podman') throw new EngineError(NOT_ON_PODMAN);
        const events = await this.#events(engine);
        await this.#options.onUp(engine);
        this.#engine = engine;
        this.#options.onReady();
        wait = 0;
        asked();
        logger.info({ engine: engine.endpoint.url, version: engine.version }, 'the engine answers');
        await this.#follow(events);
        this.#problem = `the Docker engine at ${engine.endpoint.url} went away: start it, or wait for it`;
      } catch (error) {
        this.#problem = error instanceof EngineError ? error.message : engineMessage(error);
      }
      this.#engine = undefined;
      if (this.#ended.signal.aborted) break;
      if (wait === 0) logger.error({ problem: this.#problem }, 'the engine does not answer');
      asked();
      wait = Math.min(2_000, wait + 200);
      await sleep(wait, undefined, { signal: this.#ended.signal }).catch(() => {});
    }
    asked();
  }

  // Subscribed before anything is looked at, so that nothing is missed in between.
  async #events({ docker }: Engine): Promise<Readable> {
    const stream = (await docker.getEvents({
      filters: { type: ['network', 'container'], event: ['connect', 'disconnect', 'die', 'destroy'] },
    })) as unknown as Readable;
    this.#ended.signal.addEventListener('abort', () => stream.destroy(), { once: true });
    stream.on('error', () => {});
    return stream;
  }

  async #follow(stream: Readable): Promise<void> {
    let rest = '';
    try {
      for await (const chunk of stream) {
        rest += String(chunk);
        const lines = rest.split('\n');
        rest = lines.pop() ?? '';
        if (rest.length > MAX_LINE) rest = '';
        for (const line of lines) this.#tell(line);
      }
    } catch {
      // the end of it is what matters
    }
  }

  #tell(line: string): void {
    try {
      const { Actor: actor, Type: type, Action: action } = JSON.parse(line);
      if (typeof actor?.ID !== 'string') return;
      if (type === 'container') {
        if (action !== 'die') this.#options.onContainerGone(actor.ID);
        else this.#options.onContainerExited(actor.ID, Number(actor.Attributes?.exitCode) || 0);
        return;
      }
      const { container } = actor.Attributes ?? {};
      this.#options.onNetworkEvent({ network: actor.ID, ...(container && { container }) });
    } catch {
      // an empty line, or half of one where the engine died
    }
  }
}
