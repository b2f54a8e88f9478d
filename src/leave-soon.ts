/**
 * Ends this process soon if nobody reads its output: what cannot be written would keep it for ever. One whose output is
 * read ends by itself, and before.
 *
 * @param ms time for the reader.
 * @returns the exit code, for the usual way out.
 */
export function leaveSoon(code: number, ms = 2000): number {
  setTimeout(() => process.exit(code), ms).unref();
  return code;
}
