import type { Figures } from '../report/figures.js';
import type { PartialFigures } from './link.js';

/** Ms after something happened, and between two looks at the byte counts. */
const SOON_MS = 50;
const LOOK_MS = 1_000;

/**
 * Tells the figures of a proxy: soon after each decision, and every second while bytes flow; nothing while nothing
 * changes. The list of hosts, the long part, only where it may have changed.
 */
export class FigureReports {
  readonly #read: () => Figures;
  readonly #tell: (figures: PartialFigures) => boolean;
  readonly #looks: NodeJS.Timeout;
  #soon: NodeJS.Timeout | undefined;
  #told = '';
  #decisions = 0;

  /** @param tell false where the report went nowhere: it is made again. */
  constructor(read: () => Figures, tell: (figures: PartialFigures) => boolean) {
    this.#read = read;
    this.#tell = tell;
    this.#looks = setInterval(() => this.#look(), LOOK_MS);
  }

  changed(): void {
    this.#soon ??= setTimeout(() => this.#look(), SOON_MS);
  }

  /** Tells how it ended. */
  last(): void {
    clearInterval(this.#looks);
    this.#look();
    clearTimeout(this.#soon);
  }

  #look(): void {
    clearTimeout(this.#soon);
    this.#soon = undefined;
    const { hosts, ...figures } = this.#read();
    const text = JSON.stringify(figures);
    if (text === this.#told) return;
    const decisions = figures.allowed + figures.denied;
    if (!this.#tell(decisions === this.#decisions ? figures : { ...figures, hosts })) return;
    this.#told = text;
    this.#decisions = decisions;
  }
}
