import { type Authority, formatAuthority } from '../policy/authority.js';
import type { Resolver } from '../resolve/resolver.js';
import { DialError } from './dial-error.js';
import type { Address } from './tcp.js';

export interface OwnTarget {
  readonly host: string;
  readonly port: number;
}

/** Where the upstream proxy is. Its addresses are the operator's word: not judged, but no target for jobs. */
export class UpstreamAddress {
  #addresses: readonly Address[] = [];

  constructor(
    readonly authority: Authority,
    private readonly resolver: Resolver,
  ) {
    const { host, kind } = authority;
    if (kind !== 'name') this.#addresses = [{ address: host, family: kind === 'ipv6' ? 6 : 4 }];
  }

  /** The addresses of its last look-up. */
  get targets(): readonly OwnTarget[] {
    return this.#addresses.map(({ address }) => ({ host: address, port: this.authority.port }));
  }

  /** Whether a target is the upstream, by its name or by an address of its last look-up. */
  is({ host, port }: Authority): boolean {
    if (port !== this.authority.port) return false;
    return host === this.authority.host || this.#addresses.some(({ address }) => address === host);
  }

  /** Looked up again once its TTL has passed. Throws `DialError` with `upstream-failed`, or the signal's reason. */
  async addresses(signal?: AbortSignal): Promise<readonly Address[]> {
    const { host, kind } = this.authority;
    if (kind !== 'name') return this.#addresses;
    try {
      this.#addresses = await this.resolver.resolve(host, signal && { signal });
      return this.#addresses;
    } catch (error) {
      signal?.throwIfAborted();
      const where = formatAuthority(this.authority);
      const said = error instanceof Error ? error.message : String(error);
      throw new DialError('upstream-failed', `the upstream proxy ${where}: ${said}`, undefined, {
        cause: error,
      });
    }
  }
}
