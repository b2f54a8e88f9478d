/** What this process is told when it has no descriptors, processes or memory left. */
const CODES = new Set(['EMFILE', 'ENFILE', 'EAGAIN', 'ENOMEM']);

/** Whether something failed, itself or by its cause, for want of what others may give back soon. */
export function isStarved(error: unknown): boolean {
  const { code, cause } = (error ?? {}) as { code?: unknown; cause?: unknown };
  return CODES.has(String(code)) || (cause !== undefined && isStarved(cause));
}
