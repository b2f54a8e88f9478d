import type { OriginEvent } from '../../support/internet.js';
import type { Told } from '../job.js';
import { now } from '../now.js';
import { FORBIDDEN, SHARED, type World } from '../world.js';

export type Report = (finding: string) => void;

/** What an origin took before a deny was answered, it may tell a little later. */
const LATE_MS = 4_000;
/** How long jobs may reach the host after all rules were taken away at once: docs/threats.md, "nft flush ruleset". */
export const HOLE_MS = 2_000;
/** A job that has ended may have had something under way. */
const ENDED_MS = 5_000;

/** Nothing that was not declared is ever reached: by what jobs saw themselves, and by whoever was reached. */
export class Reached {
  world: World | undefined;
  /** Connections that the harness makes itself, as positive controls. */
  #expected = 0;
  /** Origins' hosts that a job may reach for a while, until when, ms of `now`. */
  readonly #until = new Map<string, number>();
  /** Until when the host's own services may be reached. */
  #hole = 0;
  /** Until when serve is kept from looking at rules. */
  #blind = 0;
  readonly #flushed = new Map<string, number>();
  readonly #gone = new Map<string, number>();
  #queries = 0;

  constructor(private readonly report: Report) {}

  /** From now on a host may be reached, or until now it was. */
  may(host: string, yes: boolean): void {
    this.#until.set(host, yes ? Number.POSITIVE_INFINITY : now() + LATE_MS);
  }

  /** The origins were stopped since then: what had come by then, they tell from now on. */
  originsWere(since: number): void {
    for (const [host, until] of this.#until)
      if (until > since) this.#until.set(host, Math.max(until, now() + LATE_MS));
  }

  ended(id: string): void {
    this.#gone.set(id, now());
  }

  excuseHost(patience: number): void {
    this.#hole = Math.max(now(), this.#blind) + HOLE_MS * patience;
  }

  /** For so long serve has no descriptors or processes: what was taken away is seen behind that. */
  blind(ms: number, patience: number): void {
    this.#blind = Math.max(this.#blind, now() + ms);
    if (this.#hole > now()) this.excuseHost(patience);
  }

  /** One line of the two that there are. What is flushed is back after the next check. */
  flushed(command: string, table: string, patience: number): void {
    const recent = now() - HOLE_MS * patience;
    const other = table === 'filter' ? 'security' : 'filter';
    this.#flushed.set(`${command} ${table}`, now());
    if (table !== 'nat' && (this.#flushed.get(`${command} ${other}`) ?? 0) > recent)
      this.excuseHost(patience);
  }

  onTrap(what: string): void {
    if (now() > this.#hole) this.report(`reached: ${what}`);
  }

  onTold(job: string, told: Told): void {
    if (told.k === 'visited') {
      if (told.t > this.#hole) this.report(`reached: ${told.from} came to the container of ${job}`);
    } else if (told.by !== 'tcp' && told.by !== 'udp') {
      this.report(`reached: ${job} had ${told.host}:${told.port} by its gateway (${told.by})`);
    } else if (told.t > this.#hole) {
      this.report(
        `reached: ${job} had ${told.by} ${told.host}:${told.port}${told.how ? `, ${told.how}` : ''}`,
      );
    }
  }

  onOrigin({ kind, address, port, url, method, headers }: OriginEvent): void {
    const { world } = this;
    if (!world) return;
    const host = Object.entries(world.net.addresses).find(([, at]) => at === address)?.[0] ?? address;
    const what = `${kind} at ${host}:${port} ${method ?? ''} ${url ?? ''} ${headers?.['x-bacalhau-job-id'] ?? ''}`;
    if (host === FORBIDDEN) {
      if (url === '/control') return;
      if (kind === 'connection' && this.#expected > 0) this.#expected--;
      else this.report(`reached: ${what}`);
      return;
    }
    if (host.startsWith('extra-') && now() > (this.#until.get(host) ?? 0)) this.report(`reached: ${what}`);
    // TLS has no header of the proxy's in it.
    if (kind !== 'request' || port !== 80 || host === SHARED) return;
    const stamp = String(headers?.['x-bacalhau-job-id'] ?? '');
    const slot = host.replace(/^extra-|\.example\.com$/g, '');
    const current = world.jobs.get(slot)?.id;
    const recent = now() - (this.#gone.get(stamp) ?? 0) < ENDED_MS;
    if (stamp !== current && !(recent && stamp.startsWith(`${slot}-`))) {
      this.report(`reached: ${what}, which is for ${current ?? slot} alone`);
    }
  }

  /** Shows that what is watched could be reached. */
  async control(): Promise<void> {
    const { world } = this;
    if (!world) return;
    this.#expected = 1;
    const missing = await world.control();
    await world.net.seen();
    this.#expected = 0;
    if (missing.length > 0)
      this.report(`positive control: an ordinary container does not reach ${missing.join(', ')}`);
    const { queries } = world.net.dnsServer;
    const allowed = new Set([SHARED, ...world.slots.flatMap(({ own, extra }) => [own, extra])]);
    for (const query of queries.slice(this.#queries)) {
      const [name = ''] = query.split(' ');
      if (!allowed.has(name)) this.report(`reached: ${name} was looked up`);
    }
    this.#queries = queries.length;
  }
}
