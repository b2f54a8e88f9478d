/**
 * Of every TCP socket, accepted and connected. The high-water mark (bytes) is that of Node 20, which a stalled
 * connection holds in each direction; from Node 22 on it would be four times as much.
 */
export const SOCKET_OPTIONS = { allowHalfOpen: true, noDelay: true, highWaterMark: 16_384 } as const;
