/**
 * Whether what is written to a stream has colours: FORCE_COLOR says so where it is set (`0` and `false`: none), else a
 * NO_COLOR that is not empty says no (no-color.org), else a terminal that is not TERM=dumb has them.
 */
export function hasColors(
  stream: { readonly isTTY?: boolean | undefined },
  env: Readonly<Record<string, string | undefined>> = process.env,
): boolean {
  const { FORCE_COLOR: force, NO_COLOR: no, TERM: term } = env;
  if (force !== undefined) return force !== '0' && force !== 'false';
  if (no !== undefined && no !== '') return false;
  return stream.isTTY === true && term !== 'dumb';
}
