export function median(values: readonly number[]): number {
  return percentile(values, 50);
}

/** Of the values as they are, by linear interpolation; NaN where there are none. */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const at = ((sorted.length - 1) * percent) / 100;
  const low = sorted[Math.floor(at)] ?? Number.NaN;
  const high = sorted[Math.ceil(at)] ?? Number.NaN;
  return low + (high - low) * (at - Math.floor(at));
}

/** Jain's index of fairness: 1 where all have the same, 1/n where one has all. */
export function jain(values: readonly number[]): number {
  const sum = values.reduce((total, value) => total + value, 0);
  const squares = values.reduce((total, value) => total + value * value, 0);
  return (sum * sum) / (values.length * squares);
}

/** What arrived when: ms, and bytes so far. */
export type Trace = readonly (readonly [ms: number, bytes: number])[];

/**
 * The least and the most bytes in any window of `length` ms that lies within the trace. Windows begin and end just
 * before or just behind an arrival, where they are worst.
 */
export function windows(trace: Trace, length: number): { least: number; most: number } {
  let least = Number.POSITIVE_INFINITY;
  let most = 0;
  let end = 0;
  const last = trace.at(-1)?.[0] ?? 0;
  for (let i = 1; i < trace.length; i++) {
    const [from, after] = trace[i] as readonly [number, number];
    if (from + length > last) break;
    const before = (trace[i - 1] as readonly [number, number])[1];
    while ((trace[end + 1]?.[0] ?? Number.POSITIVE_INFINITY) <= from + length) end++;
    const [endsAt, within] = trace[end] as readonly [number, number];
    most = Math.max(most, within - before);
    // What arrives in the very moment of the end is outside of the open window.
    const open = endsAt === from + length ? (trace[end - 1] as readonly [number, number])[1] : within;
    least = Math.min(least, open - after);
  }
  return { least, most };
}
