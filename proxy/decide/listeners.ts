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

/** By port: thousands of gateways have the same few. */
const open = new Map<number, Set<Listener>>();

/** Adds a listener, and gives the function that removes it. */
export function registerListener(host: string, port: number, exact = false): () => void {
  const listener: Listener = { host, port, ...(exact && { exact }) };
  const beside = open.get(port) ?? new Set();
  open.set(port, beside.add(listener));
  return () => {
    beside.delete(listener);
    if (beside.size === 0) open.delete(port);
  };
}

/** All listeners that are open now. */
export function openListeners(): Listener[] {
  return [...open.values()].flatMap((all) => [...all]);
}

/** Those on a port. */
export function listenersOn(port: number): Iterable<Listener> {
  return open.get(port) ?? [];
}
