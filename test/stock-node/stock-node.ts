import { randomUUID } from 'node:crypto';
import { GATEWAY_IMAGE, type Ids, type JobOptions, probeBody } from './bodies.js';
import { EngineClient, EngineError, type Json } from './engine-client.js';
import { NodePanic, prepare, type Result, runContainer, type Step, type Surroundings } from './execution.js';
import { askAsNode } from './probe.js';
import { type Traits, traitsOf } from './versions.js';

export { GATEWAY_IMAGE, nameOf } from './bodies.js';
export { STEPS, type Step } from './execution.js';

export interface StockNodeOptions {
  /** The path of the engine's socket. */
  readonly engine: string;
  readonly nodeId: string;
  /** The release that it plays. Default: 1.9.3. */
  readonly version?: string;
  /** Whom it asks before it takes a job: a URL on 127.0.0.1. */
  readonly probe?: string;
  /** How often it looks at the health of a gateway, ms. Default: 1000, as it does. */
  readonly pollMs?: number;
  readonly rejectNetworked?: boolean;
}

export interface RunOptions extends JobOptions {
  /** The node is killed right after this step, in its life that takes the job. */
  readonly stopAfter?: Step;
  /** What is waited for at each step. */
  readonly onStep?: (step: Step, execution: Execution) => unknown;
}

/** `rejected`: the node did not want the job; `lost`: it ended, and is not there again. */
export type State = 'asked' | 'running' | 'completed' | 'failed' | 'cancelled' | 'rejected' | 'lost';

/** One run of a job on a node. */
export interface Execution extends Ids {
  readonly state: State;
  /** Why it is so. */
  readonly message: string;
  /** When each step was done, ms of performance.now(). */
  readonly steps: readonly { readonly step: Step; readonly at: number }[];
  readonly exitCode?: number;
  readonly stdout: string;
  readonly stderr: string;
  /** Settles when the state is final or the node has ended. Never rejects. */
  readonly done: Promise<void>;
  /** As when its requester stops the job: what it made is removed, once the job runs. */
  cancel(): void;
  /** Ms from one step to another. */
  between(from: Step, to: Step): number;
}

type Changing = { -readonly [K in keyof Execution]: Execution[K] } & {
  steps: { step: Step; at: number }[];
  readonly options: RunOptions;
  readonly cancelled: AbortController;
};

/**
 * A compute node as the engine and a probe see it: its calls, in its order, with its bodies. It knows nothing of this
 * project: what it does is read from the public source of the node.
 */
export class StockNode implements AsyncDisposable {
  /** What it writes to its log, at debug. */
  readonly log: string[] = [];
  /** Of all its lives, as its data directory has them. */
  readonly executions: Execution[] = [];
  /** What its process died of by itself. */
  died: string | undefined;
  readonly #options: StockNodeOptions;
  readonly #traits: Traits;
  #life: Life | undefined;

  constructor(options: StockNodeOptions) {
    this.#options = options;
    this.#traits = traitsOf(options.version ?? '1.9.3');
  }

  get alive(): boolean {
    return this.#life !== undefined;
  }

  /** Rejects where the engine does not answer. After a `kill` it does with what it left as such a node does. */
  async start(): Promise<void> {
    const engine = new EngineClient(this.#options.engine, this.#traits);
    await engine.negotiate();
    await engine.ask('GET', '/info');
    this.died = undefined;
    this.#life = new Life(engine);
    for (const one of this.executions as Changing[]) {
      if (one.state !== 'lost') continue;
      if (one.options.type === 'service') {
        one.state = 'running';
        one.done = this.#work(one, this.#life);
        continue;
      }
      one.state = 'failed';
      one.message = 'Failed due to node restart';
      this.log.push(`INF Failing due to node restart: ${one.executionId}`);
      const { jobId, options } = one;
      const { stopAfter, ...again } = options;
      if (this.executions.filter((other) => other.jobId === jobId).length === 1) {
        this.#execute(jobId, again, 2);
      } else one.message += '; job already executed on this node more than once';
    }
  }

  /** Takes a job: it is run to its end, or refused. */
  run(options: RunOptions): Execution {
    return this.#execute(options.jobId ?? `j-${randomUUID()}`, options, 1);
  }

  /** Leaves all as it is: its process and its connections are gone. */
  kill(): void {
    this.#life?.end();
    this.#life = undefined;
    for (const one of this.executions as Changing[]) {
      if (one.state === 'asked' || one.state === 'running') one.state = 'lost';
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.kill();
  }

  #execute(jobId: string, options: RunOptions, revision: number): Execution {
    const life = this.#life;
    if (!life) throw new Error('the node does not run');
    const one: Changing = {
      nodeId: this.#options.nodeId,
      jobId,
      executionId: `e-${randomUUID()}`,
      state: 'asked',
      message: '',
      steps: [],
      stdout: '',
      stderr: '',
      done: Promise.resolve(),
      options,
      cancelled: new AbortController(),
      cancel: () => one.cancelled.abort(new Error('execution already cancelled')),
      between: (from, to) => at(to) - at(from),
    };
    const at = (wanted: Step) => one.steps.find(({ step }) => step === wanted)?.at ?? Number.NaN;
    this.executions.push(one);
    one.done = this.#work(one, life, revision);
    return one;
  }

  /** @param revision of the job, which is asked about; none where the execution was taken before */
  async #work(one: Changing, life: Life, revision?: number): Promise<void> {
    const around: Surroundings = {
      engine: life.engine,
      traits: this.#traits,
      pollMs: this.#options.pollMs ?? 1000,
      ended: life.ended.signal,
      cancelled: one.cancelled.signal,
      ensureImage: (image) => life.ensureImage(image),
      log: (line) => this.log.push(line),
      did: async (step) => {
        life.ended.signal.throwIfAborted();
        one.steps.push({ step, at: performance.now() });
        await one.options.onStep?.(step, one);
        if (step === one.options.stopAfter && revision !== undefined) this.kill();
        life.ended.signal.throwIfAborted();
      },
    };
    try {
      if (revision !== undefined) {
        const refusal = await life.inTurn(() => this.#bid(one, life, revision));
        if (refusal) return void Object.assign(one, { state: 'rejected', message: refusal });
        await around.did('bid');
        one.state = 'running';
      }
      const result: Result = await runContainer(await prepare(one, one.options, around), one, around);
      life.ended.signal.throwIfAborted();
      Object.assign(one, { state: 'completed', ...result });
    } catch (error) {
      if (life.ended.signal.aborted) return;
      if (error instanceof NodePanic) {
        this.died = error.message;
        return this.kill();
      }
      const state = one.cancelled.signal.aborted ? 'cancelled' : 'failed';
      Object.assign(one, { state, message: (error as Error).message });
      this.log.push(`ERR ${one.executionId}: ${one.message}`);
    }
  }

  /** @returns why it does not want the job; '' where it does */
  async #bid(one: Changing, life: Life, revision: number): Promise<string> {
    const { probe, rejectNetworked = false } = this.#options;
    const { options: job } = one;
    const refusals: string[] = [];
    const type = job.network?.Type ?? 'Default';
    if (rejectNetworked && type !== 'None' && type !== 'Default') {
      refusals.push('this node does not run jobs that require network access');
    }
    if (probe !== undefined && (refusals.length === 0 || this.#traits.joinsRefusals)) {
      const { port, pathname, search } = new URL(probe);
      const body = probeBody(one, job, this.#traits.probe, revision);
      const path = pathname + search;
      const heard = await askAsNode(Number(port), body, { path, signal: life.ended.signal });
      if (heard.outcome === 'dies') throw new NodePanic(`makeslice: len out of range: ${heard.reason}`);
      if (heard.outcome === 'fails') throw new Error(heard.reason);
      if (heard.outcome === 'refuses') {
        const ofStatus = `this node does not accept jobs where url "${probe}" returns HTTP status code ${heard.status}`;
        refusals.push(heard.status >= 400 ? ofStatus : heard.reason);
      }
    }
    if (refusals.length === 0 || this.#traits.joinsRefusals) {
      if (!(await life.runsHere(job.image)))
        refusals.push('this node does not support the available image platforms');
    }
    return refusals.map((reason) => `rejected bid: ${reason}`).join('; ');
  }
}

/** From a start of the node to its end. */
class Life {
  readonly ended = new AbortController();
  readonly #known = new Set<string>();
  #platform: { Os: string; Arch: string } | undefined;
  #tail: Promise<unknown> = Promise.resolve();

  constructor(readonly engine: EngineClient) {}

  end(): void {
    this.ended.abort(new Error('the node ended'));
    this.engine.close();
  }

  /** Bids are asked about one after the other. */
  inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#tail.then(work);
    this.#tail = turn.catch(() => {});
    return turn;
  }

  async #platformHere() {
    if (!this.#platform) {
      const { Components } = await this.engine.ask('GET', '/version');
      const { Details } = Components.find(({ Name }: Json) => Name === 'Engine');
      this.#platform = { Os: Details.Os, Arch: Details.Arch };
    }
    return this.#platform;
  }

  /** As the engine has the image, where that came from a registry; else as the registry has it. */
  async runsHere(image: string): Promise<boolean> {
    const { Os, Arch } = await this.#platformHere();
    if (this.#known.has(image)) return true;
    const found = await this.#inspect(image);
    const here = found?.Os === Os && found?.Architecture === Arch && found.RepoDigests?.length > 0;
    const runs = here || (await this.#isOffered(image, Os, Arch));
    if (runs) this.#known.add(image);
    return runs;
  }

  async #isOffered(image: string, Os: string, Arch: string): Promise<boolean> {
    const { Platforms } = await this.engine.ask('GET', `/distribution/${image}/json`);
    return Platforms.some(({ os, architecture }: Json) => os === Os && architecture === Arch);
  }

  async ensureImage(image: string): Promise<void> {
    const { Os, Arch } = await this.#platformHere();
    const found = await this.#inspect(image);
    if (found?.Os === Os && found?.Architecture === Arch) return;
    const colon = image.indexOf(':', image.lastIndexOf('/'));
    const [name, tag] = colon < 0 ? [image, 'latest'] : [image.slice(0, colon), image.slice(colon + 1)];
    const query = new URLSearchParams({ fromImage: name, platform: `${Os}/${Arch}`, tag });
    const answer = await this.engine.stream('POST', `/images/create?${query}`);
    let said = '';
    for await (const chunk of answer) said += chunk;
    const refused = said.split('\n').find((line) => line.includes('"error"'));
    const what = image === GATEWAY_IMAGE ? 'error pulling gateway image' : 'pulling image';
    if (refused) throw new Error(`${what}: ${JSON.parse(refused).error}`);
  }

  async #inspect(image: string): Promise<Json> {
    return this.engine.ask('GET', `/images/${image}/json`).catch((error) => {
      if (error instanceof EngineError && error.status === 404) return undefined;
      throw error;
    });
  }
}
