/**
 * Where this process listens for jobs or for its own API: never a target, whatever the operator excepts. The one
 * thing that proxies of a process share, because a job of one must not reach the listener of another.
 */
export interface Listener {
  /** The address that it is bound to, a wildcard (`0.0.0.0`, `::`) included. */
  readonly host: string;
  readonly port: number;
  /** Reached at that address alone, whatever is translated to this node: its port is one that others have as well. */
  readonly exact?: boolean;
}

const open = new Set<Listener>();

/** Adds a listener, and gives the function that removes it. */
export function registerListener(host: string, port: number, exact = false): () => void {
  const listener: Listener = { host, port, ...(exact && { exact }) };
  open.add(listener);
  return () => {
    open.delete(listener);
  };
}

/** All listeners that are open now. */
export function openListeners(): Iterable<Listener> {
  return open;
}
