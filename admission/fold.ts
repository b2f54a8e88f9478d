/**
 * A name of a field as Go's readers compare it, which is how a node reads specs: letter case does not count, and two
 * letters beyond ASCII count as ASCII ones, the long s (U+017F) and the Kelvin sign (U+212A).
 */
export function fold(name: string): string {
  return name.replaceAll(LONG_S, 's').toLowerCase(); // which makes a k of the Kelvin sign
}

/** The name has a letter that only some readers take for an ASCII one. */
export function isFoldedBeyondAscii(name: string): boolean {
  return name.includes(LONG_S) || name.includes(KELVIN);
}

const LONG_S = '\u017F';
const KELVIN = '\u212A';
