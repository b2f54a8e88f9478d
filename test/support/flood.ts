import { type Origin, startTcpOrigin } from './origin.js';
import { RawClient } from './raw-client.js';

const CHUNK = Buffer.alloc(16_384, 'x');

/** Answers the first bytes of each connection with more than anybody may have, and counts what it gets. */
export async function startFlood(): Promise<Origin & { readonly counts: { readonly up: number } }> {
  const counts = { up: 0 };
  const origin = await startTcpOrigin((socket) => {
    socket.on('error', () => {});
    const pour = () => {
      while (!socket.destroyed && socket.write(CHUNK));
    };
    socket.on('drain', pour);
    socket.once('data', pour);
    socket.on('data', (data) => {
      counts.up += data.length;
    });
  });
  return Object.assign(origin, { counts });
}

/** Takes all that comes of a flood by a proxy, as `allowed.test`, until it is cut; nothing where no proxy is there. */
export async function drain(
  port: number,
  origin: Pick<Origin, 'port'>,
  onBytes: (bytes: number) => void,
): Promise<void> {
  const client = await RawClient.connect(port).catch(() => undefined);
  if (!client) return;
  client.socket.on('data', (data) => onBytes(data.length));
  client.send(`CONNECT allowed.test:${origin.port} HTTP/1.1\r\n\r\ngo`);
  await client.untilEnd();
  client.socket.destroy();
}
