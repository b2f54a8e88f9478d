type ResolveReason = 'name-not-found' | 'dns-failed' | 'dns-timeout' | 'too-many-lookups';

/** A look-up that gave no address. Says nothing about whether its addresses would have been allowed. Never leaves the proxy. */
export class ResolveError extends Error {
  override readonly name = 'ResolveError';

  constructor(
    readonly reason: ResolveReason,
    readonly host: string,
    /** What the name servers or getaddrinfo said (`ESERVFAIL`, `ETIMEOUT`, …), for logs. */
    readonly code?: string,
  ) {
    super(`${host}: ${SENTENCES[reason]}${code ? ` (${code})` : ''}`);
  }
}

const SENTENCES: Record<ResolveReason, string> = {
  'name-not-found': 'the name does not exist or has no address',
  'dns-failed': 'the name servers gave no usable answer',
  'dns-timeout': 'the name servers did not answer in time',
  'too-many-lookups': 'too many names are being looked up at once',
};
