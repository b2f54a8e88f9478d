import type { Socket } from 'node:net';
import tls from 'node:tls';
import { ConnectionRate } from '../accept/connection-rate.js';
import type { Authority } from '../policy/authority.js';
import type { JobLimiter } from '../rate/job-limiter.js';
import type { Cancellation } from '../util/cancellation.js';
import { resetSocket } from '../util/reset.js';
import { DialError } from './dial-error.js';

/** Handshakes of a job per second, each a millisecond of its worker's: others are in it as well. */
const PER_SECOND = 100;
/** Tickets that an origin may give; what is in them goes past the limiter. */
const MAX_TICKETS = 16;

/** How often it is looked at what TLS itself took, ms. */
const CHARGE_MS = 250;

interface OriginTlsOptions {
  /** PEM, one certificate each: trusted beside those that Node brings. */
  readonly trusted: readonly string[];
  readonly limiter: Pick<JobLimiter, 'charge'>;
  /** Of handshakes. */
  readonly rate?: ConnectionRate;
}

interface HandshakeOptions {
  readonly cancel: Cancellation;
  /** Ms. */
  readonly timeoutMs: number;
}

/** TLS to the origin in the place of a client that asks its proxy for `https://…` in the clear (BusyBox wget). */
export class OriginTls {
  readonly #with: OriginTlsOptions;
  readonly #rate: ConnectionRate;

  constructor(options: OriginTlsOptions) {
    this.#with = options;
    this.#rate = options.rate ?? new ConnectionRate(PER_SECOND);
  }

  /**
   * Verified: the chain, and that the certificate is for the host (RFC 9110 section 4.3.4). What the handshake took of
   * the node's download is charged. Rejects with `DialError`, or with what it was cancelled with; the socket is gone then.
   */
  async handshake(
    socket: Socket,
    { host, kind }: Authority,
    { cancel, timeoutMs }: HandshakeOptions,
  ): Promise<tls.TLSSocket> {
    if (cancel.cancelled || !this.#rate.admit()) {
      socket.destroy();
      cancel.throwIfCancelled();
      throw new DialError('connection-rate', 'too many TLS handshakes');
    }
    const secure = tls.connect({
      socket,
      host,
      // RFC 6066 section 3: addresses are not named.
      servername: kind === 'name' ? host : '',
      secureContext: contextFor(this.#with.trusted),
      ALPNProtocols: ['http/1.1'],
      // Whatever NODE_TLS_REJECT_UNAUTHORIZED says.
      rejectUnauthorized: true,
    });
    secure.on('error', () => {}); // said below, and later by who uses it
    // Node's own throws where the handle is not TCP's.
    secure.resetAndDestroy = () => {
      resetSocket(socket);
      return secure.destroy();
    };
    let tickets = 0;
    secure.on('session', () => {
      if (++tickets > MAX_TICKETS) secure.destroy(new Error('tickets without end'));
    });
    // Not what it carried: that is charged as the job gets it. Records may be nearly all padding (RFC 8446 section 5.4).
    let charged = 0;
    const charge = () => {
      const bytes = socket.bytesRead - secure.bytesRead - charged;
      charged += bytes;
      this.#with.limiter.charge(bytes, host);
    };
    const charging = setInterval(charge, CHARGE_MS).unref();
    secure.once('close', () => {
      clearInterval(charging);
      charge();
    });
    let stop: ((error: unknown) => void) | undefined;
    const timer = setTimeout(
      () => stop?.(new DialError('connect-timeout', 'the TLS handshake did not end in time')),
      timeoutMs,
    );
    try {
      await new Promise<void>((resolve, reject) => {
        stop = reject;
        cancel.onCancel(reject);
        secure.once('secureConnect', resolve);
        secure.once('error', (error) => reject(failed(error)));
        secure.once('close', () => reject(failed(new Error('closed within the handshake'))));
      });
      charge();
      return secure;
    } catch (error) {
      secure.destroy();
      throw error;
    } finally {
      clearTimeout(timer);
      cancel.onCancel(undefined);
    }
  }
}

/** By its code, which is of a known set: the message may have what the certificate says. */
function failed(error: NodeJS.ErrnoException): DialError {
  const { code, message } = error;
  const verified = code === undefined || !VERIFICATION.test(code);
  return new DialError(verified ? 'tls-failed' : 'certificate-not-valid', message, code, { cause: error });
}

/** X509_V_ERR_… as Node names them, and its own about the name. */
const VERIFICATION =
  /^(?:ERR_TLS_CERT_[A-Z_]+|CERT_[A-Z_]+|CRL_[A-Z_]+|UNABLE_TO_[A-Z_]+|(?:DEPTH_ZERO_)?SELF_SIGNED_CERT[A-Z_]*|INVALID_(?:CA|PURPOSE)|PATH_LENGTH_EXCEEDED|HOSTNAME_MISMATCH|ERROR_IN_CERT_[A-Z_]+|UNSPECIFIED)$/;

/** The last one made: nearly always all proxies of a process trust the same, and Node's own list takes time to read. */
let made: { readonly trusted: string; readonly context: tls.SecureContext } | undefined;

function contextFor(trusted: readonly string[]): tls.SecureContext {
  const key = trusted.join();
  if (made?.trusted !== key) {
    const ca = trusted.length > 0 ? { ca: [...tls.rootCertificates, ...trusted] } : {};
    made = { trusted: key, context: tls.createSecureContext(ca) };
  }
  return made.context;
}
