/**
 * Where this process listens for jobs or for its own API: never a target, whatever the operator excepts. The one
 * thing that proxies of a process share, because a job of one must not reach the listener of another.
 */
interface ListenerAddress {
  /** As bound; `0.0.0.0` and `::` stand for every address of the host. */
  readonly host: string;
  readonly port: number;
}

const open = new Set<ListenerAddress>();

/** Adds a listener, and gives the function that removes it. */
export function registerListener(host: string, port: number): () => void {
  const listener: ListenerAddress = { host, port };
  open.add(listener);
  return () => {
    open.delete(listener);
  };
}

/** All listeners that are open now. */
export function openListeners(): Iterable<ListenerAddress> {
  return open;
}
