/** Characters of a size, more than any needs. */
const MAX_LENGTH = 64;

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
export function parseBytes(value: string | number | bigint): number | undefined {
  const text = String(value);
  if (text.length > MAX_LENGTH) return undefined;
  const plain = text.replaceAll(/[ ,\n]/g, '').toLowerCase();
  const match = /^(\d+(?:\.\d+)?|\.\d+)([a-z]*)$/.exec(plain);
  const scale = match && Object.hasOwn(SCALES, match[2] ?? '') ? SCALES[match[2] ?? ''] : undefined;
  if (!match || scale === undefined) return undefined;
  const bytes = Math.floor(Number(match[1]) * scale);
  return bytes < 2 ** 64 ? bytes : undefined;
}
