/** An origin's answer that cannot be read. Never leaves the proxy. */
export class BrokenAnswer extends Error {
  override readonly name = 'BrokenAnswer';
}
