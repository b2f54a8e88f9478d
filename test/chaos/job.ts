import { closeSync, cpSync, mkdirSync, openSync, readSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { docker, JOB_IMAGE, run } from '../support/e2e.js';
import { now, waitFor } from './now.js';
import { AGENT, type ServeProcess } from './serve-process.js';

/** What a place for jobs is; one job after the other is in it. */
export interface Slot {
  readonly name: string;
  readonly serve: ServeProcess;
  readonly via: 'api' | 'gate';
  readonly placement: 'host' | 'container';
  /** Bit/s in each direction. */
  readonly rate: number;
  /** Bytes to it at first. */
  readonly budget?: number;
  readonly own: string;
  readonly extra: string;
  readonly shared: string;
}

export interface Target {
  readonly by: string;
  readonly host: string;
  readonly port: number;
}

/** A moment's counts, since the job began; over several lives of its container. */
export interface Counted {
  readonly t: number;
  readonly down: number;
  readonly up: number;
  /** What may have passed beside, in this life: unread, refused or cut. */
  readonly maybe: { readonly down: number; readonly up: number };
  /** Of bodies that have no answer yet. */
  readonly pending: number;
}

/** What its agent tells beside counts: what must not be. */
export type Told =
  | ({ k: 'reached'; t: number; how?: string } & Target)
  | { k: 'visited'; t: number; from: string };

export interface GatewayView {
  readonly id: string;
  readonly state: string;
  readonly reason?: string;
  readonly domains: readonly string[];
  readonly denied: readonly string[];
  readonly network: { readonly name: string };
  readonly proxy: { readonly url: string };
  readonly docker: readonly string[];
  readonly spent?: { readonly down: number };
}

const DOCKER = { timeoutMs: 30_000 };
const KEPT_MS = 120_000;
const END_MS = 90_000;

/** A job that runs: its container with the agent in it, and its gateway. */
export class Job {
  readonly id: string;
  readonly container: string;
  readonly folder: string;
  gateway = '';
  network = '';
  proxy = '';
  address = '';
  /** When the agent's own host answered last. */
  lastBeat = 0;
  lastExtra = 0;
  tries = 0;
  /** Its gateway was opened and its container started. */
  isStarted = false;
  counts: Counted[] = [];
  /** Bytes to it that its budget is by now; what is on its way counts. */
  budget: number | undefined;
  /** It must have no more than the rate of the moment: the highest since, with its time. */
  rates: { from: number; rate: number }[];
  readonly began = now();
  #isOver = false;
  #read = 0;
  #rest = '';
  #base = { down: 0, up: 0 };
  #last = { down: 0, up: 0 };

  constructor(
    readonly slot: Slot,
    generation: number,
    folder: string,
  ) {
    this.id = `${slot.name}-${generation}`;
    this.container = `chaos-${this.id}`;
    this.folder = `${folder}/jobs/${this.id}`;
    this.budget = slot.budget;
    this.rates = [{ from: this.began, rate: slot.rate }];
    mkdirSync(this.folder, { recursive: true });
    cpSync(AGENT, `${this.folder}/agent.cjs`);
    writeFileSync(`${this.folder}/log`, '');
  }

  /** Asks for its gateway and starts its container, as a node's daemon does. @throws where either is refused */
  async start(): Promise<void> {
    const { slot } = this;
    this.plan([]);
    const mount = ['-v', `${this.folder}:/chaos`];
    const image = [JOB_IMAGE, 'node', '/chaos/agent.cjs'];
    const domains = [slot.own, slot.shared];
    if (slot.via === 'gate') {
      const labels = [
        `jobgate.domains=${domains}`,
        `jobgate.rate=${slot.rate / 1000}kbit`,
        `jobgate.job=${this.id}`,
      ];
      const options = ['--name', this.container, ...labels.flatMap((label) => ['--label', label])];
      const ran = await this.#docker('run', '-d', '--restart', 'always', ...options, ...mount, ...image);
      if (ran.code !== 0) throw new Error(`the gate does not start ${this.id}: ${ran.stderr.trim()}`);
      this.isStarted = true;
      await this.look();
      return;
    }
    const budget = slot.budget === undefined ? {} : { budget: `down=${slot.budget}` };
    const body = {
      jobId: this.id,
      executionId: this.id,
      network: { Domains: domains },
      rate: `${slot.rate / 1000}kbit`,
    };
    const answer = await slot.serve.ask('/v1/gateways', { body: { ...body, ...budget } });
    if (answer.status !== 201) throw new Error(`no gateway for ${this.id}: ${JSON.stringify(answer.body)}`);
    this.#know(answer.body);
    const view = answer.body as GatewayView;
    await docker('run', '-d', '--name', this.container, ...view.docker, ...mount, ...image);
    this.isStarted = true;
    await this.look();
  }

  #know({ id, network, proxy }: GatewayView): void {
    [this.gateway, this.network, this.proxy] = [id, network.name, new URL(proxy.url).hostname];
  }

  /** As a client of its own kind does: through the gate, or to the engine. */
  #docker(...args: string[]) {
    const { serve, via } = this.slot;
    const env = via === 'gate' ? { env: { DOCKER_HOST: `unix://${serve.gateSocket}` } } : {};
    return run('docker', args, { ...DOCKER, ...env });
  }

  /** Its gateway as its serve has it; undefined where there is none, or no answer. */
  async view(): Promise<GatewayView | undefined> {
    if (this.gateway) {
      const answer = await this.slot.serve.tryAsk(`/v1/gateways/${this.gateway}`);
      return answer?.status === 200 ? answer.body : undefined;
    }
    const all = await this.slot.serve.tryAsk(`/v1/gateways?job=${this.id}`);
    const view = all?.body?.gateways?.[0] as GatewayView | undefined;
    if (view) this.#know(view);
    return view;
  }

  /** Learns where its container is. @returns whether that runs */
  async look(): Promise<boolean> {
    if (!this.gateway) await this.view();
    const networks = '{{.State.Running}}{{range .NetworkSettings.Networks}} {{.IPAddress}}{{end}}';
    const ran = await run(
      'docker',
      ['inspect', '--type', 'container', '-f', networks, this.container],
      DOCKER,
    );
    const [running, address = ''] = ran.stdout.trim().split(' ');
    if (address) this.address = address;
    return running === 'true';
  }

  /** Starts its container again where it has ended. */
  async startAgain(): Promise<void> {
    if (!(await this.look())) await this.#docker('start', this.container);
  }

  /** It is over, its gateway as well. @returns whether engine and serve said so in time */
  async end(): Promise<boolean> {
    if (this.#isOver) return true;
    this.#isOver = true;
    const isOver = await waitFor(() => this.#tryEnd(), END_MS, 500);
    this.read(() => {});
    rmSync(this.folder, { recursive: true, force: true });
    return isOver;
  }

  async #tryEnd(): Promise<boolean> {
    const isGone = async (ran: { code: number; stderr: string }) =>
      ran.code === 0 || /no such/i.test(ran.stderr);
    if (this.slot.via === 'gate' && !(await isGone(await this.#docker('rm', '-f', this.container))))
      return false;
    if (!(await isGone(await run('docker', ['rm', '-f', this.container], DOCKER)))) return false;
    const view = await this.view();
    if (!view) return this.slot.serve.isReady();
    if (this.slot.via === 'gate') return view.state === 'closed';
    const answer = await this.slot.serve.tryAsk(`/v1/gateways/${view.id}`, { method: 'DELETE' });
    return answer?.status === 200 || answer?.status === 404;
  }

  plan(targets: readonly Target[]): void {
    const { own, extra, shared, rate } = this.slot;
    // Some half a second's worth of its rate.
    const plan = { own, extra, shared, bytes: Math.round(rate / 16), targets };
    writeFileSync(`${this.folder}/plan.new`, JSON.stringify(plan));
    renameSync(`${this.folder}/plan.new`, `${this.folder}/plan.json`);
  }

  pause(yes: boolean): void {
    if (yes) writeFileSync(`${this.folder}/pause`, '');
    else rmSync(`${this.folder}/pause`, { force: true });
  }

  /** Reads what its agent has told since. */
  read(onTold: (told: Told) => void): void {
    const file = openSync(`${this.folder}/log`, 'r');
    const chunk = Buffer.alloc(256 * 1024);
    for (let got = 1; got > 0; ) {
      got = readSync(file, chunk, 0, chunk.length, this.#read);
      this.#read += got;
      const lines = (this.#rest + chunk.toString('utf8', 0, got)).split('\n');
      this.#rest = lines.pop() ?? '';
      for (const line of lines) this.#take(JSON.parse(line), onTold);
    }
    closeSync(file);
    const old = now() - KEPT_MS;
    if ((this.counts[0]?.t ?? old) < old) this.counts = this.counts.filter(({ t }) => t >= old);
  }

  // biome-ignore lint/suspicious/noExplicitAny: what the agent writes
  #take(line: any, onTold: (told: Told) => void): void {
    switch (line.k) {
      case 'start':
        this.#base = { down: this.#base.down + this.#last.down, up: this.#base.up + this.#last.up };
        this.#last = { down: 0, up: 0 };
        return;
      case 'bytes':
        this.#last = line;
        this.counts.push({ ...line, down: this.#base.down + line.down, up: this.#base.up + line.up });
        return;
      case 'beat':
        if (line.status === 200 || line.status === 429) this.lastBeat = line.t;
        return;
      case 'extra':
        if (line.status === 200) this.lastExtra = line.t;
        return;
      case 'tried':
        this.tries += line.n;
        return;
      default:
        onTold(line);
    }
  }
}
