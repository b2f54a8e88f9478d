import type { Engine, Gateway, OpenGateway, Owner } from '../../../src/index.js';

type Jobgate = typeof import('../../../src/index.js');

export interface OpeningTime {
  /** Ms in which the engine was not being waited for. */
  readonly own: number;
  /** Ms in which at least one call to the engine was under way. */
  readonly engine: number;
}

/** Gateways on the host, opened one after the other, and how long that takes. */
export class Gateways {
  readonly #kept: Gateway[] = [];
  readonly #clock: EngineClock;

  private constructor(
    private readonly jobgate: Jobgate,
    private readonly engine: Engine,
    private readonly owner: Owner,
    private readonly openGateway: OpenGateway,
    /** Undoes what opening the first one does to this host's firewall. */
    private readonly restore: () => Promise<void>,
  ) {
    this.#clock = new EngineClock(engine);
  }

  /** Rejects where no engine answers, or gateways cannot be opened on this host. */
  static async start(jobgate: Jobgate): Promise<Gateways> {
    const engine = await jobgate.openEngine();
    const owner = await jobgate.openOwner('run');
    const lockdown = new jobgate.Lockdown();
    const stood = (await lockdown.verify()).length === 0;
    const restore = () => (stood ? Promise.resolve() : lockdown.remove());
    const open = jobgate.hostGateways({ lockdown });
    const gateways = new Gateways(jobgate, engine, owner, open, restore);
    // The first one installs the lock-down.
    await (await gateways.#open()).close();
    return gateways;
  }

  async time(count: number): Promise<OpeningTime[]> {
    const times: OpeningTime[] = [];
    for (let i = 0; i < count; i++) {
      this.#clock.ms = 0;
      const from = performance.now();
      const gateway = await this.#open();
      const all = performance.now() - from;
      times.push({ own: all - this.#clock.ms, engine: this.#clock.ms });
      await gateway.close();
    }
    return times;
  }

  /** Opens gateways that stay. */
  async keep(count: number): Promise<void> {
    for (let i = 0; i < count; i++) this.#kept.push(await this.#open());
  }

  async close(): Promise<void> {
    for (const gateway of this.#kept.splice(0)) await gateway.close();
    await this.owner[Symbol.asyncDispose]();
    await this.restore();
  }

  #open(): Promise<Gateway> {
    const { engine, owner, jobgate } = this;
    const job = { job: 'bench', allow: ['bench.test'], rate: jobgate.DEFAULT_RATE };
    return this.openGateway({ engine, owner, policy: { job, operator: jobgate.DEFAULT_OPERATOR_POLICY } });
  }
}

/** Adds up the time in which calls to the engine are under way. */
class EngineClock {
  ms = 0;
  #open = 0;
  #since = 0;

  constructor({ docker }: Engine) {
    const modem = docker.modem as { dial(options: unknown, done: (...result: unknown[]) => void): void };
    const dial = modem.dial.bind(modem);
    modem.dial = (options, done) => {
      if (this.#open++ === 0) this.#since = performance.now();
      dial(options, (...result) => {
        if (--this.#open === 0) this.ms += performance.now() - this.#since;
        done(...result);
      });
    };
  }
}
