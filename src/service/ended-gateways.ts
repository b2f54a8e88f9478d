import type { History } from './overview/history.js';
import type { GatewayView } from './served-gateway.js';

interface Ended {
  readonly view: GatewayView;
  readonly history: History;
}

/** So many are remembered at most. */
const MAX_ENDED = 200;
/** With so much text in all, characters: a policy may have ten thousand domains. */
const MAX_TEXT = 16 << 20;
/** And of each so many hosts: those with most refusals, then those that were reached most. */
const MAX_HOSTS = 50;

/** Gateways that were closed, for a while: what their jobs reached and were refused. */
export class EndedGateways {
  readonly #keepMs: number;
  readonly #now: () => number;
  /** The oldest first. */
  readonly #ended: (Ended & { readonly at: number; readonly size: number })[] = [];
  #text = 0;

  /** @param now ms, of a clock that nobody sets. */
  constructor(keepMs: number, now: () => number = () => performance.now()) {
    this.#keepMs = keepMs;
    this.#now = now;
  }

  add(view: GatewayView, history: History): void {
    const { figures } = view;
    const hosts = [...figures.hosts].sort((a, b) => refused(b) - refused(a) || b.allowed - a.allowed);
    const kept = { ...view, figures: { ...figures, hosts: hosts.slice(0, MAX_HOSTS) } };
    const size = JSON.stringify(kept).length;
    this.#ended.push({ at: this.#now(), size, view: kept, history });
    this.#text += size;
    while (this.#ended.length > MAX_ENDED || this.#text > MAX_TEXT) this.#drop();
  }

  list(): GatewayView[] {
    this.#forgetOld();
    return this.#ended.map(({ view }) => view);
  }

  find(id: string): Ended | undefined {
    this.#forgetOld();
    return this.#ended.findLast(({ view }) => view.id === id);
  }

  #forgetOld(): void {
    const since = this.#now() - this.#keepMs;
    while ((this.#ended[0]?.at ?? Number.POSITIVE_INFINITY) <= since) this.#drop();
  }

  #drop(): void {
    this.#text -= this.#ended.shift()?.size ?? 0;
  }
}

const refused = ({ denied }: GatewayView['figures']['hosts'][number]) =>
  Object.values(denied).reduce((sum, count) => sum + count, 0);
