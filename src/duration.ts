const UNIT_MS: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/**
 * Reads a duration as people write it: `90s`, `30m`, `1h30m`, `500ms`; a bare number is seconds.
 *
 * @returns ms, or undefined where the text is no duration above zero.
 */
export function parseDuration(text: string): number | undefined {
  if (/^\d+(\.\d+)?$/.test(text)) return positive(Number(text) * 1000);
  if (!/^(\d+(\.\d+)?(ms|s|m|h))+$/.test(text)) return undefined;
  let ms = 0;
  for (const [, value, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/gy)) {
    ms += Number(value) * (UNIT_MS[unit as string] as number);
  }
  return positive(ms);
}

// setTimeout's range ends at 2^31 - 1 ms, some 24 days.
function positive(ms: number): number | undefined {
  return ms >= 1 && ms < 2 ** 31 ? Math.round(ms) : undefined;
}
