import { removeNetwork } from '../../docker/gateway/network.js';
import type { EngineLink } from './engine-link.js';

interface Network {
  readonly id: string;
  readonly name: string;
}

/** Networks that could not be removed when their gateway was closed. */
export class LeftNetworks {
  readonly #all = new Map<string, Network>();
  readonly #link: EngineLink;
  readonly #forgetStored: (network: string) => Promise<void>;

  constructor(link: EngineLink, forgetStored: (network: string) => Promise<void>) {
    this.#link = link;
    this.#forgetStored = forgetStored;
  }

  add(network: Network): void {
    this.#all.set(network.id, network);
  }

  /** Tries once to remove each. Never throws: what stays goes the next time, or by the next serve. */
  async remove(): Promise<void> {
    for (const network of [...this.#all.values()]) {
      try {
        await removeNetwork(this.#link.engine.docker, network);
        this.#all.delete(network.id);
        await this.#forgetStored(network.id);
      } catch {
        // once more
      }
    }
  }
}
