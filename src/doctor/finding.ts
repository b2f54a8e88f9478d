/** One line of `jobgate doctor`. */
export interface Finding {
  /** What was looked at: `engine`, `firewall tools`, …; the last is the `verdict` on all of it. */
  readonly check: string;
  /** Of one placement of gateways only; where it fails, the other may do. */
  readonly placement?: 'host' | 'container';
  /** `fail`: HTTP jobs cannot be enforced here, or at that placement; `warn`: they can, with something to know. */
  readonly status: 'ok' | 'warn' | 'fail';
  readonly detail: string;
  /** The command or the change that mends it. */
  readonly fix?: string;
}

export const ok = (check: string, detail: string): Finding => ({ check, status: 'ok', detail });
export const warn = (check: string, detail: string, fix?: string): Finding => ({
  check,
  status: 'warn',
  detail,
  ...(fix && { fix }),
});
export const fail = (check: string, detail: string, fix?: string): Finding => ({
  check,
  status: 'fail',
  detail,
  ...(fix && { fix }),
});

/** An error's message as a finding: its part behind the last colon tells what to do. */
export function failure(check: string, error: unknown): Finding {
  return fail(check, error instanceof Error ? error.message : String(error));
}
