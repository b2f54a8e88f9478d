import { registerListener } from '../decide/listeners.js';
import { createEgressProxy, type EgressProxy } from '../egress-proxy.js';
import { PolicyError } from '../policy/policy-error.js';
import { FigureReports } from './figure-reports.js';
import { assertNobodyAt, assertNoForwarding } from './isolation.js';
import { type Command, LINK_VERSION, type LogLevel, type ProxyReport } from './link.js';
import type { Outbox } from './outbox.js';
import { RemoteGrants } from './remote-grants.js';
import { RemoteLeases } from './remote-leases.js';

type Open = Extract<Command, { do: 'open' }>;

/** The egress proxies of a worker, opened and closed as the control plane says. */
export class Worker {
  readonly #outbox: Outbox;
  readonly #proxies = new Map<number, HostedProxy>();
  /** Where other workers listen, `HOST PORT`. */
  readonly #elsewhere = new Map<string, () => void>();

  constructor(outbox: Outbox) {
    this.#outbox = outbox;
  }

  /** @throws for a line that no control plane says: what it would have meant is not known, so nothing goes on. */
  take(line: string): void {
    const command = JSON.parse(line) as Command;
    switch (command.do) {
      case 'open':
        this.#open(command);
        return;
      case 'listener':
        this.#listener(command);
        return;
      case 'ping':
        return;
      case 'clients':
        this.#proxies.get(command.id)?.proxy.setClients(command.cidrs);
        return;
      case 'deny':
        this.#proxies.get(command.id)?.proxy.setDenied(command.entries);
        return;
      case 'change':
        void this.#change(command);
        return;
      case 'leased':
        this.#proxies.get(command.id)?.leases.given(command);
        return;
      case 'granted':
        this.#proxies.get(command.id)?.grants.granted(command);
        return;
      case 'drain':
        void this.#proxies.get(command.id)?.end(command.ms);
        return;
      case 'close':
        void this.#proxies.get(command.id)?.end();
        return;
      default:
        throw new Error(`a command of another version of jobgate: ${line.slice(0, 100)}`);
    }
  }

  /** Closes all. */
  async end(): Promise<void> {
    await Promise.all([...this.#proxies.values()].map((proxy) => proxy.end()));
  }

  #open(command: Open): void {
    const { id, v } = command;
    const tell = (report: ProxyReport) => this.#outbox.send(report);
    const insist = (report: ProxyReport) => this.#outbox.insist(report);
    const refuse = ({ message, code }: NodeJS.ErrnoException) => {
      this.#proxies.delete(id);
      void insist({ id, is: 'refused', message, ...(code !== undefined && { code }) });
    };
    if (v !== LINK_VERSION) {
      refuse(new Error(`the image is of another version of jobgate (link ${LINK_VERSION}, not ${v})`));
      return;
    }
    try {
      const hosted = new HostedProxy(command, { tell, insist }, async () => {
        this.#proxies.delete(id);
        await insist({ id, is: 'closed' });
      });
      this.#proxies.set(id, hosted);
      hosted.open(command).catch(async (error) => {
        await hosted.abandon();
        refuse(error);
      });
    } catch (error) {
      refuse(error as Error);
    }
  }

  /** One that cannot be kept ends the worker: it was judged before, so they do not understand each other. */
  async #change({ id, number, change }: Extract<Command, { do: 'change' }>): Promise<void> {
    try {
      const changed = await this.#proxies.get(id)?.proxy.change(change);
      if (changed) await this.#outbox.insist({ id, is: 'changed', number, cut: changed.cut });
    } catch (error) {
      if (error instanceof PolicyError) throw error;
      // It is closed meanwhile, which is told.
    }
  }

  #listener({ host, port, open }: Extract<Command, { do: 'listener' }>): void {
    const key = `${host} ${port}`;
    this.#elsewhere.get(key)?.();
    this.#elsewhere.delete(key);
    if (open) this.#elsewhere.set(key, registerListener(host, port));
  }
}

class HostedProxy {
  readonly proxy: EgressProxy;
  readonly leases: RemoteLeases;
  readonly grants: RemoteGrants;
  readonly #id: number;
  readonly #tell: (report: ProxyReport) => boolean;
  readonly #figures: FigureReports;
  readonly #onClosed: () => Promise<void>;
  #ending: Promise<void> | undefined;

  constructor(
    { id, policy }: Open,
    {
      tell,
      insist,
    }: { tell: (report: ProxyReport) => boolean; insist: (report: ProxyReport) => Promise<void> },
    onClosed: () => Promise<void>,
  ) {
    this.#id = id;
    this.#tell = tell;
    this.#onClosed = onClosed;
    const log = (level: LogLevel) => (fields: object, message: string) => {
      // Its events are told as events: the control plane logs them.
      if (!('event' in fields)) tell({ id, is: 'log', level, fields, message });
    };
    this.leases = new RemoteLeases(id, tell);
    this.grants = new RemoteGrants(id, (report) => void insist(report));
    this.proxy = createEgressProxy(policy, {
      leases: this.leases,
      grants: this.grants,
      logger: { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') },
      onEvent: (event) => {
        tell({ id, is: 'event', event });
        this.#figures.changed();
      },
    });
    this.#figures = new FigureReports(
      () => this.proxy.figures(),
      (figures) => tell({ id, is: 'figures', figures }),
    );
  }

  async open({ listen, hostEnd }: Open): Promise<void> {
    const alone = hostEnd === undefined ? undefined : assertNobodyAt(hostEnd);
    if (alone) assertNoForwarding();
    const bound = await this.proxy.listen(listen);
    await alone?.soon;
    this.#tell({ id: this.#id, is: 'ready', host: bound.host, port: bound.port });
    await alone?.sure;
  }

  /** Ends at once, or after the connections that are open, but at most so many ms. */
  async end(drainMs?: number): Promise<void> {
    if (drainMs !== undefined && !this.#ending) await this.proxy.drain(drainMs);
    this.#ending ??= this.#end();
    await this.#ending;
  }

  /** Closes what could not be opened, and says nothing more of it. */
  async abandon(): Promise<void> {
    this.#figures.last();
    await this.proxy.close();
  }

  async #end(): Promise<void> {
    await this.proxy.close();
    this.#figures.last();
    await this.#onClosed();
  }
}
