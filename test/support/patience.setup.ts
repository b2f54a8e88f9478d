import { vi } from 'vitest';

/** As `expect.poll` has it from vitest.config.ts: it stops what hangs, and decides nothing on a machine with other work. */
const TIMEOUT_MS = 60_000;

const patient = Symbol.for('jobgate.test.patient');
const { waitFor } = vi;
if (!(patient in waitFor)) {
  vi.waitFor = Object.assign(
    ((check, options) =>
      waitFor(check, {
        timeout: TIMEOUT_MS,
        ...(typeof options === 'number' ? { timeout: options } : options),
      })) as typeof waitFor,
    { [patient]: true },
  );
}
