import { JobgateError } from './jobgate-error.js';

/** A policy, or a change to one, that cannot be kept: a rate, an address, the DNS server, the upstream, an entry. */
export class PolicyError extends JobgateError {
  override readonly name: 'PolicyError' | 'AllowlistError' | 'DenyListError' = 'PolicyError';
  override readonly code: 'JOBGATE_POLICY' | 'JOBGATE_ALLOWLIST' | 'JOBGATE_DENY_LIST' = 'JOBGATE_POLICY';
}
