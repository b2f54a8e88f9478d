import { Ledger } from '../../proxy/budget/ledger.js';
import type { Logger } from '../../proxy/policy/logger.js';
import type { JobPolicy } from '../../proxy/policy/policy.js';
import { ApiError } from './api-error.js';
import type { SpentStore } from './spent-store.js';

interface KeptLedgerOptions {
  readonly budgets: Pick<SpentStore, 'read' | 'write'>;
  /** Id of the engine, for what is stored; empty where it cannot be asked. */
  readonly engineId: () => Promise<string>;
  readonly logger: Logger;
}

/** The ledger of a gateway's job, which outlives this serve. Until it is known for which network, nothing is granted. */
export class KeptLedger {
  readonly ledger: Ledger;
  readonly #options: KeptLedgerOptions;
  #know: (network: string) => void = () => {};
  readonly #network = new Promise<string>((resolve) => {
    this.#know = resolve;
  });
  #engine = '';

  /** @param network of a gateway that is opened again. @throws GatewayError where what was taken cannot be read */
  static async of(
    policy: JobPolicy,
    network: string | undefined,
    options: KeptLedgerOptions,
  ): Promise<KeptLedger> {
    const spent = network === undefined ? undefined : await options.budgets.read(network);
    return new KeptLedger(policy, spent, options);
  }

  private constructor(
    { job, execution }: JobPolicy,
    spent: Ledger['spent'] | undefined,
    options: KeptLedgerOptions,
  ) {
    this.#options = options;
    this.ledger = new Ledger({
      ...(spent && { spent }),
      keep: async (now) => this.#write(await this.#network, now),
      onKeepFailed: (err) =>
        options.logger.error(
          { job, execution, err },
          'what a job takes of its budget cannot be written down: it gets no more until it can',
        ),
    });
  }

  /**
   * The gateway is open, on this network. Where there is a budget, what cannot be kept is told now, and not by a job that
   * stands still.
   *
   * @throws ApiError `unavailable`
   */
  async keepFor(network: string): Promise<void> {
    try {
      if (this.ledger.budget) await this.#write(network, this.ledger.spent);
    } catch (error) {
      throw new ApiError(
        'unavailable',
        `the job has a budget, and what it takes of it cannot be kept: ${(error as Error).message}; give serve a folder that it can write to with --state-directory`,
      );
    }
    this.#know(network);
  }

  async #write(network: string, spent: Ledger['spent']): Promise<void> {
    const { budgets, engineId } = this.#options;
    this.#engine ||= await engineId();
    await budgets.write(network, spent, this.#engine);
  }
}
