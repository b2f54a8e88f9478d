/** The quantities of a job spec's Resources, in the reference's notation. */

/** Characters of a quantity, more than any needs. */
const MAX_LENGTH = 64;

/** A quantity as a job spec has it. */
export type Quantity = string | number | bigint;

/** CPUs: `2`, `0.5`, `500m` (thousandths); undefined where it isn't one. */
export function parseCpu(value: Quantity): number | undefined {
  if (isTooLong(value)) return undefined;
  const text = String(value).replaceAll(' ', '').toLowerCase();
  const match = /^(\d+(?:\.\d+)?|\.\d+)(m?)$/.exec(text);
  if (!match) return undefined;
  const number = Number(match[1]) / (match[2] === 'm' ? 1000 : 1);
  return Number.isFinite(number) ? number : undefined;
}

/** GPUs: a whole number; none where there is nothing. Undefined where it isn't one. */
export function parseGpu(value: Quantity): number | undefined {
  if (isTooLong(value)) return undefined;
  const text = String(value).trim();
  return /^\d*$/.test(text) ? Number(text) : undefined;
}

function isTooLong(value: Quantity): boolean {
  return typeof value === 'string' && value.length > MAX_LENGTH;
}
