/** Ms of CLOCK_MONOTONIC: the same clock for all processes of this machine, whatever becomes of the wall's. */
export const now = (): number => Number(process.hrtime.bigint() / 1_000_000n);

export const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Whether it came true in time. */
export async function waitFor(what: () => unknown, ms: number, everyMs = 200): Promise<boolean> {
  for (const end = now() + ms; ; await sleep(everyMs)) {
    if (await what()) return true;
    if (now() > end) return false;
  }
}
