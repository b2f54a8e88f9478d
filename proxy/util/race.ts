/** Every attempt of a race failed. Never leaves the proxy. */
export class RaceError extends Error {
  override readonly name = 'RaceError';

  constructor(
    /** In the order in which the attempts failed; at least one unless there were no candidates. */
    readonly errors: readonly unknown[],
  ) {
    super('every attempt failed');
  }
}

interface RaceOptions<T> {
  /** Time after which the next attempt joins those under way, ms; it starts at once when one fails. */
  readonly staggerMs: number;
  /** Aborts every attempt; the race then rejects with its reason. */
  readonly signal: AbortSignal;
  /** Gets what an attempt yields after the race is over. */
  readonly discard?: (value: T) => void;
}

/**
 * Attempts the candidates in turn, each a little after the one before, and yields the first success (the scheme of
 * RFC 8305 section 5). The other attempts' signals abort then; nothing that a loser made is left.
 */
export function race<C, T>(
  candidates: readonly C[],
  attempt: (candidate: C, signal: AbortSignal) => Promise<T>,
  { staggerMs, signal, discard }: RaceOptions<T>,
): Promise<T> {
  if (candidates.length === 1 && !signal.aborted) return alone(candidates[0] as C, attempt, signal);
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(signal.reason);
      return;
    }
    const stop = new AbortController();
    const errors: unknown[] = [];
    let next = 0;
    let over = false;
    let timer: NodeJS.Timeout | undefined;

    const finish = (settle: () => void, reason?: unknown) => {
      over = true;
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      settle();
      stop.abort(reason);
    };
    const onAbort = () => finish(() => reject(signal.reason), signal.reason);
    const start = () => {
      clearTimeout(timer);
      if (next >= candidates.length) return;
      const candidate = candidates[next] as C;
      next += 1;
      if (next < candidates.length) timer = setTimeout(start, staggerMs);
      attempt(candidate, stop.signal).then(
        (value) => {
          if (over) discard?.(value);
          else finish(() => resolve(value));
        },
        (error) => {
          if (over) return;
          errors.push(error);
          if (errors.length === candidates.length) finish(() => reject(new RaceError(errors)));
          else start();
        },
      );
    };

    signal.addEventListener('abort', onAbort, { once: true });
    if (candidates.length === 0) finish(() => reject(new RaceError(errors)));
    else start();
  });
}

/** A race with nobody else in it, which is the usual one: no controller, no timer. */
async function alone<C, T>(
  candidate: C,
  attempt: (candidate: C, signal: AbortSignal) => Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  try {
    return await attempt(candidate, signal);
  } catch (error) {
    signal.throwIfAborted();
    throw new RaceError([error]);
  }
}
