/** `promise`, or a rejection with the signal's reason as soon as it aborts; the promise itself goes on. */
export function abortable<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) return abort();
    signal.addEventListener('abort', abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}

/**
 * Runs `work` with a signal that aborts when one of `signals` does, or after `ms` with what `late` makes as its reason.
 * The work must settle once its signal aborts. (`AbortSignal.any` keeps memory as long as the oldest of its signals.)
 */
export async function withDeadline<T>(
  ms: number,
  signals: readonly (AbortSignal | undefined)[],
  late: () => Error,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  for (const signal of signals) signal?.throwIfAborted();
  const inner = new AbortController();
  const abort = (event: Event) => inner.abort((event.target as AbortSignal).reason);
  for (const signal of signals) signal?.addEventListener('abort', abort);
  const timer = setTimeout(() => inner.abort(late()), ms);
  try {
    return await work(inner.signal);
  } finally {
    clearTimeout(timer);
    for (const signal of signals) signal?.removeEventListener('abort', abort);
  }
}
