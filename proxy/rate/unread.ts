/** What the kernel takes for a connection that nobody reads, bytes: Linux's receive buffer as it begins. */
const HELD_BYTES = 131_072;
/** What an origin may have sent before anything of it is read: the window that Linux tells it as it connects. */
const FIRST_BYTES = 65_536;

/**
 * What an origin has sent that never reached the job, where its connection is cut before its end; bytes, by how it was
 * at that moment: `held`, since the job took nothing more; `unread` so far; or `flowing`, all of it was passed on.
 * Without paying for it, tunnels that are closed at once would draw a hundred times the job's rate.
 */
export function unreadBytes(was: 'held' | 'unread' | 'flowing', buffered = 0): number {
  return buffered + { held: HELD_BYTES, unread: FIRST_BYTES, flowing: 0 }[was];
}
