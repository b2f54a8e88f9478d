import { DENIALS, type DenialReason } from '../policy/denials.js';

/** RFC 8446 section 6: what clients show of them, says why. */
const ALERT = { decodeError: 50, accessDenied: 49, internalError: 80, unrecognizedName: 112 } as const;

/** The alert that a TLS client is refused with, as a record: fatal, in the clear, as its version can be anything. */
export function tlsAlert(reason: DenialReason): Buffer {
  return Buffer.from([21, 3, 3, 0, 2, 2, description(reason)]);
}

function description(reason: DenialReason): number {
  if (reason === 'tls-no-name') return ALERT.unrecognizedName;
  if (reason === 'tls-malformed' || DENIALS[reason].status === 400) return ALERT.decodeError;
  return DENIALS[reason].status === 403 ? ALERT.accessDenied : ALERT.internalError;
}
