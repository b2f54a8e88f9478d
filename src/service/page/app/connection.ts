import { useEffect, useRef, useState } from 'preact/hooks';

export type Connection = 'connecting' | 'live' | 'lost';

/** Before a stream that the server ended for good is asked for again, ms. The browser tries again by itself otherwise. */
const RETRY_MS = 3_000;

let state: Connection = 'connecting';
const listeners = new Set<(state: Connection) => void>();

function become(next: Connection): void {
  if (next === state) return;
  state = next;
  for (const listener of listeners) listener(next);
}

/** How the page and the server are connected. */
export function useConnection(): Connection {
  const [now, set] = useState(state);
  useEffect(() => {
    listeners.add(set);
    set(state);
    return () => void listeners.delete(set);
  }, []);
  return now;
}

/**
 * Follows the server's events while the component is there. `onOpen` is called at each beginning, the first included:
 * what was missed is asked for then.
 *
 * @param query undefined: none yet.
 */
export function useEvents(
  query: string | undefined,
  on: Readonly<Record<string, (data: unknown) => void>>,
  onOpen: () => void,
): void {
  const latest = useRef({ on, onOpen });
  latest.current = { on, onOpen };
  const names = Object.keys(on).join();
  useEffect(() => {
    if (query === undefined) return;
    let source: EventSource;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const begin = () => {
      source = new EventSource(`/v1/events?${query}`);
      source.addEventListener('open', () => {
        become('live');
        latest.current.onOpen();
      });
      source.addEventListener('error', () => {
        become('lost');
        if (source.readyState === EventSource.CLOSED) timer = setTimeout(begin, RETRY_MS);
        // Where the session is over: the page asks for the token.
        void fetch('/v1/jobs?limit=1')
          .then(({ status }) => status === 401 && location.reload())
          .catch(() => {});
      });
      for (const name of names.split(',').filter(Boolean)) {
        source.addEventListener(name, ({ data }) => latest.current.on[name]?.(JSON.parse(data)));
      }
    };
    begin();
    return () => {
      clearTimeout(timer);
      source.close();
    };
  }, [query, names]);
}
