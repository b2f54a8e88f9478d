import type { DenialReason } from '../policy/denials.js';

interface RefusalDetails {
  /** What exactly is wrong, for the job: no address that a name resolved to, no bytes of the request. */
  readonly detail?: string;
  /** The address that was refused; for logs. */
  readonly address?: string;
  readonly cause?: unknown;
}

/** Ends the handling of a request or tunnel with a denial. Never leaves the proxy. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly detail: string | undefined;
  readonly address: string | undefined;

  constructor(
    readonly reason: DenialReason,
    { detail, address, cause }: RefusalDetails = {},
  ) {
    super(detail === undefined ? reason : `${reason}: ${detail}`, { cause });
    this.detail = detail;
    this.address = address;
  }
}
