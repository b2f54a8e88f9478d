import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { Logger } from '../../proxy/policy/logger.js';
import { LockdownError } from '../engine/errors.js';
import { type Family, type Firewall, FirewallError, Iptables } from './firewall.js';
import { withHostLock } from './host-lock.js';
import { hasIpv6, jobBridges } from './host-net.js';
import {
  DEFAULT_GATEWAY_PORT,
  installedPort,
  parseSave,
  portRemoval,
  portRules,
  problems,
  removal,
  repair,
  type Shape,
  TABLES,
  type TableName,
} from './lockdown-rules.js';
import { type LockdownFigures, LockdownWatch, type Standing } from './lockdown-watch.js';

export type { LockdownFigures } from './lockdown-watch.js';

export interface LockdownOptions {
  /** TCP port that jobs may reach on their bridge's address; one per host. Default 13128. */
  readonly port?: number;
  readonly logger?: Logger;
  /** Time between checks while something watches, ms. Default 2000. */
  readonly intervalMs?: number;
  /** Default: the iptables commands. */
  readonly firewall?: Firewall;
  /** Bridges of isolated networks that exist on this host. Default: asks the kernel. */
  readonly bridges?: () => readonly string[];
  /** Whether the kernel has IPv6. Default: asks the kernel. */
  readonly ipv6?: () => boolean;
}

interface Reading {
  readonly family: Family;
  readonly text: string;
  readonly table: TableName;
  readonly problems: readonly string[];
}

interface Look {
  /** Of the families that could be read. */
  readonly readings: readonly Reading[];
  /** Why another could not; the worst of it. */
  readonly unread: Error | undefined;
}

/**
 * The host's lock-down: rules that keep jobs on `jg-+` bridges from everything but their gateway's port. They are
 * static, the same for all jobs, and stay when jobgate ends. One of these per process is enough for any number of
 * gateways.
 */
export class Lockdown {
  #shape: Shape;
  readonly #logger: Logger | undefined;
  readonly #firewall: Firewall;
  readonly #bridges: () => readonly string[];
  readonly #ipv6: () => boolean;
  readonly #watch: LockdownWatch;
  #checks = 0;
  #standing: Standing | undefined;
  /** Second-line tables that this kernel lacks. */
  readonly #lacking = new Set<string>();
  /** Rules for the ports of this process's gateways, by bridge. */
  readonly #ports = new Map<string, readonly string[]>();
  #running: Promise<boolean> | undefined;
  #next: Promise<boolean> | undefined;

  constructor(options: LockdownOptions = {}) {
    this.#shape = {
      port: options.port ?? DEFAULT_GATEWAY_PORT,
      socketMatch: true,
      bridgedMatch: true,
      redirects: true,
    };
    this.#logger = options.logger;
    this.#watch = new LockdownWatch({
      ensure: () => this.ensure(),
      intervalMs: options.intervalMs ?? 2_000,
      logger: options.logger,
    });
    this.#firewall = options.firewall ?? new Iptables();
    this.#bridges = options.bridges ?? jobBridges;
    this.#ipv6 = options.ipv6 ?? hasIpv6;
  }

  /** The gateway port. */
  get port(): number {
    return this.#shape.port;
  }

  /**
   * What is missing of the lock-down, a line each; empty where it stands.
   *
   * @throws LockdownError where the rules cannot be read.
   */
  async verify(): Promise<string[]> {
    const { readings, unread } = await this.#look();
    if (unread) throw unread;
    return readings.flatMap((reading) => reading.problems);
  }

  /**
   * Verifies the lock-down and installs what is missing; what is right already is not touched.
   *
   * @param exclusive wait for another process that installs or removes rules right now. Asked for once an isolated
   *   network is made: `remove` in another process has then either been seen here, or sees the network.
   * @returns whether anything had to be installed.
   * @throws LockdownError where it cannot be read or installed, or other jobs run with another gateway port.
   */
  ensure({ exclusive = false }: { exclusive?: boolean } = {}): Promise<boolean> {
    if (exclusive) return this.#seen(this.#install({ tidy: true }));
    // Callers in one process share the work, but not work that began before they called.
    if (this.#running) {
      this.#next ??= this.#running.then(
        () => this.#begin(),
        () => this.#begin(),
      );
      return this.#next;
    }
    return this.#begin();
  }

  /** Whether `watch` keeps it verified right now. */
  get isWatched(): boolean {
    return this.#watch.active;
  }

  /** Whether this kernel has the table that holds when `filter` is flushed; known once `ensure` has settled. */
  get hasSecondLine(): boolean {
    return !this.#lacking.has('4 security');
  }

  /** Whether programs that know of no proxy can be served; known once `ensure` has settled. */
  get redirects(): boolean {
    return this.#shape.redirects;
  }

  /**
   * From the next `ensure` on, connections to these ports of a bridge's address go to own ports of its gateway
   * (`ownPorts`). Only what `unmap` or another process's `remove` takes out is not put back.
   */
  map(bridge: string, ports: readonly (readonly [port: number, own: number])[]): void {
    if (ports.length > 0) this.#ports.set(bridge, portRules(bridge, ports));
  }

  /** Takes the ports of a bridge back. @throws LockdownError where they cannot be. */
  async unmap(bridge: string): Promise<void> {
    if (!this.#ports.delete(bridge)) return;
    await withHostLock('lockdown', () =>
      this.#retrying(async () =>
        this.#removePorts(await this.#firewall.save(4), (other) => other !== bridge),
      ),
    );
  }

  /**
   * Removes our rules and nothing else. (iptables has no way to remove the empty table `security` again.)
   *
   * @throws LockdownError while isolated networks exist, unless `force` is set: their jobs would be let loose.
   */
  async remove({ force = false }: { force?: boolean } = {}): Promise<void> {
    await withHostLock('lockdown', () => {
      const bridges = this.#bridges();
      if (bridges.length && !force) {
        throw new LockdownError(
          `the lock-down stays: ${bridges.length} isolated network(s) exist (${bridges.slice(0, 3).join(', ')}${bridges.length > 3 ? ', …' : ''}); end their jobs first`,
        );
      }
      return this.#retrying(() => this.#removeOnce());
    });
  }

  /**
   * Keeps the lock-down verified every few seconds until disposed.
   *
   * @param onLost called once, when rules are missing and cannot be put back, or `check` throws.
   * @param check more to be verified each time.
   */
  watch(onLost: (error: Error) => void, check?: () => void): Disposable {
    return this.#watch.add(onLost, check);
  }

  figures(): LockdownFigures {
    const standing = this.#standing && { standing: this.#standing };
    return { checks: this.#checks, ...this.#watch.figures, ...standing };
  }

  /** Notes how it was found. Where it never stood, gateways are elsewhere. */
  async #seen(look: Promise<boolean>): Promise<boolean> {
    try {
      const found = await look;
      this.#standing = { time: Date.now() };
      return found;
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error);
      if (this.#standing) this.#standing = { time: Date.now(), problem };
      throw error;
    }
  }

  #begin(): Promise<boolean> {
    this.#next = undefined;
    const running = this.#seen(this.#check()).finally(() => {
      if (this.#running === running) this.#running = undefined;
    });
    this.#running = running;
    return running;
  }

  async #check(): Promise<boolean> {
    this.#checks++;
    const { readings, unread } = await this.#look((family) => this.#retrying(() => this.#readFamily(family)));
    if (wrong(readings).length === 0) {
      if (unread) throw unread;
      return false;
    }
    try {
      return await this.#install();
    } catch (error) {
      // Rules have been seen to be missing: that not all can be put back, or seen, for want of anything, is no better.
      throw isStarving(error) ? new FirewallError('failed', error.message) : error;
    }
  }

  // One process at a time, so that two do not both insert their jumps. Who waited finds the work done.
  #install({ tidy = false } = {}): Promise<boolean> {
    let mended = false;
    return withHostLock('lockdown', () =>
      this.#retrying(async (attempt) => {
        const { readings, unread } = await this.#look();
        // What processes have left that were killed.
        const text = readings.find(({ family }) => family === 4)?.text;
        if (tidy) await this.#removePorts(text, (bridge) => this.#isThere(bridge));
        const broken = wrong(readings);
        if (broken.length > 0) {
          mended = true;
          await this.#mendAll(broken, attempt);
        }
        // After the mending: what one family is in want of does not leave the other open.
        if (unread) throw unread;
        return mended;
      }),
    );
  }

  async #mendAll(broken: readonly Reading[], attempt: number): Promise<void> {
    for (const reading of broken) await this.#mend(reading, attempt);
    const { readings, unread } = await this.#look();
    const left = wrong(readings);
    if (left.length) {
      throw new FirewallError(
        'busy',
        `the lock-down does not hold: ${left[0]?.problems[0]}; does another program rewrite the firewall?`,
      );
    }
    const problems = broken.flatMap((reading) => reading.problems);
    // The first time on a host is no alarm; under an open gateway it is one.
    const level = this.#watch.active ? 'warn' : 'info';
    this.#logger?.[level]({ problems }, 'lock-down rules were missing and are installed');
    if (unread) throw unread;
  }

  async #mend({ family, table, text }: Reading, attempt: number): Promise<void> {
    const tables = parseSave(text);
    const apply = (shape: Shape) =>
      this.#firewall.restore(family, repair(family, table, tables, shape, this.#portRules));
    try {
      await apply(this.#shape);
    } catch (error) {
      // Another program may have changed the rules just now; what the kernel lacks, it lacks each time.
      if (!(error instanceof FirewallError) || error.kind !== 'failed' || attempt < 3) throw error;
      if (table === 'security') {
        this.#lacking.add(`${family} ${table}`);
        this.#logger?.warn(
          { err: error },
          'this kernel has no security table: the lock-down has no second line',
        );
      } else if (family === 4 && table === 'filter') {
        this.#shape = await this.#leastLess(apply, error);
        if (!this.#shape.socketMatch) {
          this.#logger?.warn(
            { err: error },
            `this kernel has no socket match: let no other program listen on port ${this.port} of all addresses`,
          );
        }
      } else if (table === 'nat' && this.#shape.redirects) {
        const without = { ...this.#shape, redirects: false };
        await apply(without);
        this.#shape = without;
        this.#logger?.warn(
          { err: error },
          'this kernel cannot redirect: programs of jobs must use the proxy',
        );
      } else {
        throw error;
      }
    }
  }

  /** Applies the rules without what this kernel may lack. @throws the error where that is not why they failed. */
  async #leastLess(apply: (shape: Shape) => Promise<void>, error: Error): Promise<Shape> {
    for (const lack of [
      { bridgedMatch: false },
      { socketMatch: false },
      { bridgedMatch: false, socketMatch: false },
    ]) {
      const shape = { ...this.#shape, ...lack };
      if (isDeepStrictEqual(shape, this.#shape)) continue;
      try {
        await apply(shape);
        return shape;
      } catch {
        // more is missing
      }
    }
    throw error;
  }

  get #portRules(): string[] {
    return [...this.#ports.values()].flat();
  }

  #isThere(bridge: string): boolean {
    return this.#ports.has(bridge) || this.#bridges().includes(bridge);
  }

  async #removePorts(saved: string | undefined, isThere: (bridge: string) => boolean): Promise<void> {
    const input = portRemoval(parseSave(saved ?? ''), isThere);
    if (input) await this.#firewall.restore(4, input);
  }

  get #families(): Family[] {
    return this.#ipv6() ? [4, 6] : [4];
  }

  /** Looks at each family, whatever becomes of the other. */
  async #look(read = (family: Family) => this.#readFamily(family)): Promise<Look> {
    const looks = await Promise.allSettled(this.#families.map(read));
    const errors = looks.flatMap((look) => (look.status === 'rejected' ? [look.reason] : []));
    return {
      readings: looks.flatMap((look) => (look.status === 'fulfilled' ? look.value : [])),
      unread: errors.find((error) => !isStarving(error)) ?? errors[0],
    };
  }

  async #readFamily(family: Family): Promise<Reading[]> {
    const text = await this.#firewall.save(family);
    const tables = parseSave(text);
    if (family === 4) this.#checkPort(installedPort(tables));
    return TABLES[family]
      .filter((table) => !this.#lacking.has(`${family} ${table}`))
      .map((table) => ({
        family,
        text,
        table,
        problems: problems(family, table, tables, this.#shape, this.#portRules),
      }));
  }

  #checkPort(installed: number | undefined): void {
    if (installed === undefined || installed === this.port || this.#bridges().length === 0) return;
    throw new LockdownError(
      `the lock-down of this host is for gateway port ${installed}, and jobs run with it: use --gateway-port ${installed}, or end those jobs and run jobgate clean`,
    );
  }

  async #removeOnce(): Promise<void> {
    for (const family of this.#families) {
      const tables = parseSave(await this.#firewall.save(family));
      for (const table of TABLES[family]) {
        const input = removal(table, tables);
        if (input) await this.#firewall.restore(family, input);
      }
    }
  }

  // Another program may change the rules between our reading and our writing: read again, then.
  async #retrying<T>(work: (attempt: number) => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await work(attempt);
      } catch (error) {
        const worth = error instanceof FirewallError && ['busy', 'starved', 'failed'].includes(error.kind);
        if (!worth || attempt >= 5) throw error;
        await sleep(20 * 2 ** attempt * (0.5 + Math.random()));
      }
    }
  }
}

const wrong = (readings: readonly Reading[]) => readings.filter((reading) => reading.problems.length > 0);
const isStarving = (error: unknown): error is FirewallError =>
  error instanceof FirewallError && error.kind === 'starved';
