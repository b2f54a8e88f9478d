const PREFIXES = ['', 'k', 'M', 'G', 'T', 'P'];

/** Three digits at most: `0`, `999`, `1.2k`, `34M`. */
export function short(value: number): string {
  let power = 0;
  let left = value;
  // What is rounded up to a thousand is one of the next.
  while (left >= 999.5 && power < PREFIXES.length - 1) {
    left /= 1000;
    power++;
  }
  const digits = power > 0 && left < 9.95 ? left.toFixed(1) : String(Math.round(left));
  return `${digits}${PREFIXES[power]}`;
}

/** A time for people: `9s`, `12m`, `5h`, `3d`. */
export function age(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m`;
  if (seconds < 48 * 3600) return `${Math.floor(seconds / 3600)}h`;
  return `${Math.floor(seconds / 86_400)}d`;
}
