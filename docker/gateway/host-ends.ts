import type { Logger } from '../../proxy/policy/logger.js';
import { closeHostEnd } from '../host/bridge.js';
import { hasInterface } from '../host/host-net.js';

/** The host's ends of bridges on which it has no address: closed where the engine is here and this process may. */
export class HostEnds {
  readonly #isHere: (bridge: string) => boolean;
  readonly #close: (bridge: string) => Error | undefined;
  #warned = false;

  constructor({ isHere = hasInterface, close = closeHostEnd } = {}) {
    this.#isHere = isHere;
    this.#close = close;
  }

  /**
   * Says it once where an end stays open.
   *
   * @throws LockdownError where this process may close it, and it does not hold.
   */
  close(bridge: string, logger?: Logger): void {
    const problem = this.#isHere(bridge) ? this.#close(bridge) : undefined;
    if (!problem || this.#warned) return;
    this.#warned = true;
    logger?.warn(
      { bridge, error: problem.message },
      'jobs can send datagrams to services of this host, which has net.ipv4.conf.*.rp_filter=0: sysctl -w net.ipv4.conf.default.rp_filter=2, before their networks are made',
    );
  }
}
