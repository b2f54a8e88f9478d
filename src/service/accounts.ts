import type { KeyObject } from 'node:crypto';
import { formatBudget } from '../../proxy/policy/budget.js';
import type { Logger } from '../../proxy/policy/logger.js';
import { type Account, accountText } from '../account/account.js';
import { AccountBook } from '../account/account-book.js';
import type { AccountStore } from '../account/account-store.js';
import { signatureOf } from '../account/signature.js';
import { ApiError } from './api-error.js';
import type { EventHub, ServiceEvent } from './event-hub.js';
import type { ServedGateway } from './served-gateway.js';

interface AccountsOptions {
  readonly store: Pick<AccountStore, 'read' | 'write'>;
  readonly hub: EventHub;
  readonly logger: Logger;
  readonly key: KeyObject | undefined;
  readonly versions: () => Account['versions'];
  readonly find: (gateway: string) => ServedGateway | undefined;
}

/** An account as it is answered. */
interface Answer {
  readonly text: string;
  /** Base64; undefined where no key signs. */
  readonly signature: string | undefined;
}

/** Exits that are remembered for who comes too late. */
const MAX_EXITS = 1_000;

/** A container's exit may be told after its gateway was closed, ms. */
const LAST_EXIT_MS = 1_000;

/** The accounts of gateways: live while they are open, kept for a while when they have closed. */
export class Accounts {
  readonly #options: AccountsOptions;
  readonly #books = new Map<string, AccountBook>();
  readonly #closing = new Map<
    string,
    {
      readonly served: ServedGateway;
      readonly book: AccountBook;
      readonly end: Date;
      reason: string | undefined;
    }
  >();
  readonly #writing = new Set<Promise<void>>();
  readonly #hurry = new Set<() => void>();
  /** Of containers that are on no network of ours, as far as is known. */
  readonly #exits = new Map<string, number>();

  constructor(options: AccountsOptions) {
    this.#options = options;
    options.hub.subscribe((event) => this.#take(event));
  }

  /** A gateway was closed: its last figures are there. */
  closed(served: ServedGateway, reason: string | undefined): void {
    const book = this.#books.get(served.id);
    if (!book) return;
    this.#books.delete(served.id);
    this.#closing.set(served.id, { served, book, end: new Date(), reason });
    const writing = new Promise<void>((resolve) => {
      const now = () => {
        clearTimeout(timer);
        this.#hurry.delete(now);
        resolve();
      };
      const timer = setTimeout(now, LAST_EXIT_MS).unref();
      this.#hurry.add(now);
    }).then(() => this.#write(served.id));
    this.#writing.add(writing);
    void writing.finally(() => this.#writing.delete(writing));
  }

  /** A container is on a gateway's network, or will be. */
  connected(gateway: string, id: string, name: string): void {
    const book = this.#books.get(gateway);
    book?.connected(id, name);
    const exitCode = this.#exits.get(id);
    if (exitCode !== undefined && book?.exited(id, exitCode)) this.#exits.delete(id);
  }

  /** A container has ended. */
  exited(container: string, exitCode: number): void {
    for (const book of this.#all()) if (book.exited(container, exitCode)) return;
    // It may have ended before anybody has looked at its network.
    this.#exits.set(container, exitCode);
    const [oldest] = this.#exits.keys();
    if (this.#exits.size > MAX_EXITS && oldest !== undefined) this.#exits.delete(oldest);
  }

  /** @throws ApiError `not-found` */
  async get(gateway: string): Promise<Answer> {
    const text =
      this.#current(gateway) ??
      (/^[0-9a-f]{1,64}$/.test(gateway) ? await this.#options.store.read(gateway) : undefined);
    if (text === undefined)
      throw new ApiError('not-found', `there is no gateway ${gateway}, and no account of one`);
    const { key } = this.#options;
    return { text, signature: key && signatureOf(text, key).toString('base64') };
  }

  /** Settles once all that has ended is written. */
  async close(): Promise<void> {
    for (const now of this.#hurry) now();
    await Promise.all(this.#writing);
  }

  *#all(): Iterable<AccountBook> {
    yield* this.#books.values();
    for (const { book } of this.#closing.values()) yield book;
  }

  #current(gateway: string): string | undefined {
    const closing = this.#closing.get(gateway);
    if (closing) {
      const { served, book, end, reason } = closing;
      return accountText(book.account({ ...sumsOf(served), end: { time: end, reason } }));
    }
    const served = this.#options.find(gateway);
    const book = this.#books.get(gateway);
    return served && book && accountText(book.account(sumsOf(served)));
  }

  async #write(gateway: string): Promise<void> {
    const { store, logger } = this.#options;
    const text = this.#current(gateway);
    const ids = this.#closing.get(gateway)?.served.ids;
    try {
      if (text !== undefined) await store.write(gateway, text);
    } catch (err) {
      logger.warn({ ...ids, gateway, err }, 'the account of a job cannot be kept: it is forgotten');
    }
    this.#closing.delete(gateway);
  }

  #take(event: ServiceEvent): void {
    if (event.type === 'decision' || event.type === 'closed') this.#books.get(event.gateway)?.add(event);
    if (event.type !== 'gateway') return;
    const { gateway, change, container } = event;
    if (change === 'opened' || change === 'reopened') this.#begin(gateway);
    const book = this.#books.get(gateway);
    if (change === 'connected' && container !== undefined) {
      const found = [...(this.#options.find(gateway)?.containers.values() ?? [])].find(({ name, id }) =>
        [id, name].includes(container),
      );
      this.connected(gateway, found?.id ?? container, found?.name ?? container);
    }
    if (change === 'policy-changed')
      book?.changed(event.time, event.by ?? '', event.cut ?? 0, event.policy ?? {});
  }

  #begin(gateway: string): void {
    const served = this.#options.find(gateway);
    if (!served) return;
    const { job, execution } = served.ids;
    const { allow, deny, rate } = served.live;
    const book = new AccountBook({
      ...{ job, execution, gateway, opened: served.openedBy, versions: this.#options.versions() },
      began: served.created,
      policy: {
        domains: allow.map(({ domain }) => domain),
        denied: [...deny],
        rate,
        budget: formatBudget(served.ledger.budget),
      },
    });
    this.#books.set(gateway, book);
    served.bytesOf = (host, port) => book.bytesOf(host, port);
  }
}

function sumsOf({ gateway, ledger }: ServedGateway) {
  return { figures: gateway.figures(), spent: ledger.spent };
}
