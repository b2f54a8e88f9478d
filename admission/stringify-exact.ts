/** Writes JSON with the digits of every `bigint`. */
export function stringifyExact(value: unknown): string {
  if (typeof value === 'bigint') return String(value);
  if (Array.isArray(value)) return `[${value.map((item) => stringifyExact(item) ?? 'null').join(',')}]`;
  if (typeof value !== 'object' || value === null || 'toJSON' in value) return JSON.stringify(value);
  const fields = Object.entries(value).flatMap(([key, item]) => {
    const written = stringifyExact(item);
    return written === undefined ? [] : [`${JSON.stringify(key)}:${written}`];
  });
  return `{${fields.join(',')}}`;
}
