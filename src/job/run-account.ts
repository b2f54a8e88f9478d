import type { KeyObject } from 'node:crypto';
import { accessSync, constants } from 'node:fs';
import { userInfo } from 'node:os';
import { dirname, resolve } from 'node:path';
import type { Job } from '../../admission/job.js';
import type { Gateway, OpenGateway } from '../../docker/gateway/gateway.js';
import { Ledger } from '../../proxy/budget/ledger.js';
import { formatBudget, smallerBudget } from '../../proxy/policy/budget.js';
import type { ProxyEvent } from '../../proxy/report/events.js';
import { packageVersion } from '../../proxy/util/package-files.js';
import { accountText } from '../account/account.js';
import { AccountBook } from '../account/account-book.js';
import { readSigningKey, signatureOf } from '../account/signature.js';
import type { Config } from '../config/load.js';
import { UsageError } from '../errors.js';
import { writeWhole } from '../whole-file.js';
import type { JobResult } from './run-job.js';

/** The account of a job that `jobgate run` runs, written once it has ended. */
export class RunAccount {
  readonly #file: string;
  readonly #job: Job & { readonly id: string };
  readonly #key: KeyObject | undefined;
  readonly #ledger = new Ledger();
  readonly #early: ProxyEvent[] = [];
  #engine = '';
  #began = new Date();
  #gateway: Gateway | undefined;
  #book: AccountBook | undefined;

  /** @throws UsageError where the account could not be written, or not be signed. */
  constructor(file: string, job: Job & { readonly id: string }, config: Pick<Config, 'account'>) {
    this.#file = resolve(file);
    this.#job = job;
    const { keyFile } = config.account;
    this.#key = keyFile === undefined ? undefined : readSigningKey(keyFile);
    try {
      accessSync(dirname(this.#file), constants.W_OK);
    } catch (error) {
      throw new UsageError(`--account ${file}: its folder cannot be written to: ${(error as Error).message}`);
    }
  }

  begin(engineVersion: string): void {
    this.#engine = engineVersion;
    this.#began = new Date();
  }

  /** Opens gateways as the given one does, and remembers what for. */
  watching(open: OpenGateway): OpenGateway {
    return async (options) => {
      const { job } = options.policy;
      const budget = smallerBudget(job.budget, options.policy.operator.budget);
      const policy = { domains: [...job.allow], denied: [], rate: job.rate, budget: formatBudget(budget) };
      this.#gateway = await open({ ...options, ledger: this.#ledger });
      this.#book = this.#newBook(policy, this.#gateway.id);
      for (const event of this.#early.splice(0)) this.#book.add(event);
      return this.#gateway;
    };
  }

  readonly onEvent = (event: ProxyEvent): void => {
    if (this.#book) this.#book.add(event);
    else this.#early.push(event);
  };

  /** @throws Error of the system */
  async write(result: JobResult | undefined): Promise<void> {
    const book = this.#book ?? this.#newBook({ domains: [], denied: [], rate: null, budget: 'unlimited' });
    const reason = { exited: 'it exited', timeout: 'its time was over', stopped: 'it was stopped' };
    const account = book.account({
      ...(this.#gateway && { figures: this.#gateway.figures() }),
      spent: this.#ledger.spent,
      end: { time: new Date(), reason: result ? reason[result.ended] : 'it failed' },
      exitCode: result?.exitCode,
    });
    const text = accountText(account);
    await writeWhole(this.#file, text);
    if (this.#key) await writeWhole(`${this.#file}.sig`, signatureOf(text, this.#key));
  }

  #newBook(policy: ConstructorParameters<typeof AccountBook>[0]['policy'], gateway?: string): AccountBook {
    const { id: job, executionId: execution } = this.#job;
    return new AccountBook({
      ...{ job, execution, gateway, policy, began: this.#began },
      opened: { by: 'run', ...whoRuns() },
      versions: { jobgate: packageVersion(), engine: this.#engine },
    });
  }
}

/** A user without a name is one as well. */
function whoRuns(): { readonly uid: number; readonly user?: string } {
  const uid = process.getuid?.() ?? -1;
  try {
    return { uid, user: userInfo().username };
  } catch {
    return { uid };
  }
}
