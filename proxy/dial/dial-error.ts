type DialReason =
  | 'connect-failed'
  | 'connect-timeout'
  | 'upstream-failed'
  | 'tls-failed'
  | 'certificate-not-valid'
  | 'connection-rate'
  | 'destination-busy';

/**
 * No connection to the host. Never leaves the proxy. The message and `code` are for logs: they may name addresses, but
 * never credentials.
 */
export class DialError extends Error {
  override readonly name = 'DialError';

  constructor(
    readonly reason: DialReason,
    message: string,
    /** `ECONNREFUSED`, …; of an upstream that answered, `HTTP_407` or the name of the SOCKS reply. */
    readonly code?: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
