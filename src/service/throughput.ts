/** How long back it looks, ms. */
const WINDOW_MS = 4_000;
/** Workers tell their figures once a second while bytes flow, ms. */
const REPORT_MS = 1_000;
/** Without news for so long nothing flows, ms. */
const IDLE_MS = 2_500;

/** How fast a count of bytes grows, by when it was seen to change in the last seconds. */
export class Throughput {
  #now = 0;
  /** The moments at which it was another. */
  #changes: { readonly time: number; readonly bytes: number }[] = [];

  /** @param time ms, of a clock that nobody sets. */
  add(time: number, bytes: number): void {
    this.#now = time;
    const last = this.#changes.at(-1);
    if (last?.bytes === bytes) return;
    if (last && time - last.time > IDLE_MS) this.#changes = [{ time: time - REPORT_MS, bytes: last.bytes }];
    this.#changes.push({ time, bytes });
    while ((this.#changes[1]?.time ?? time) < time - WINDOW_MS) this.#changes.shift();
  }

  /** bit/s */
  get rate(): number {
    const [first, last] = [this.#changes[0], this.#changes.at(-1)];
    if (!first || !last || first === last || this.#now - last.time > IDLE_MS) return 0;
    return Math.max(0, Math.round(((last.bytes - first.bytes) * 8_000) / (last.time - first.time)));
  }
}
