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

const SCALES: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  ...Object.fromEntries(
    ['k', 'm', 'g', 't', 'p', 'e'].flatMap((letter, index) => [
      [letter, 1000 ** (index + 1)],
      [`${letter}b`, 1000 ** (index + 1)],
      [`${letter}i`, 1024 ** (index + 1)],
      [`${letter}ib`, 1024 ** (index + 1)],
    ]),
  ),
};

/**
 * Bytes: `1Gb` is 1,000,000,000 and `1GiB` 1,073,741,824, in any letter case, as in the reference; a bare number
 * is bytes. Up to what 64 bits hold. Undefined where it isn't one.
 */
export function parseBytes(value: Quantity): number | undefined {
  if (isTooLong(value)) return undefined;
  const text = String(value)
    .replaceAll(/[ ,\n]/g, '')
    .toLowerCase();
  const match = /^(\d+(?:\.\d+)?|\.\d+)([a-z]*)$/.exec(text);
  const scale = match && Object.hasOwn(SCALES, match[2] ?? '') ? SCALES[match[2] ?? ''] : undefined;
  if (!match || scale === undefined) return undefined;
  const bytes = Math.floor(Number(match[1]) * scale);
  return bytes < 2 ** 64 ? bytes : undefined;
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
