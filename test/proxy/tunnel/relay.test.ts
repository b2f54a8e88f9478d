import { once } from 'node:events';
import net from 'node:net';
import { describe, expect, test } from 'vitest';
import { Relay } from '../../../proxy/tunnel/relay.js';

describe('a relay', () => {
  // Node cannot reset a socket whose FIN is on its way (libuv: EINVAL): it then loses the descriptor, never says 'close',
  // and close() of the proxy spins for ever. A reset must be an ordinary destroy() there:
  // writableEnded && !writableFinished && writableLength === 0.
  test.each(['client', 'origin'] as const)(
    'whose %s ends and breaks off in the same moment is over',
    async (who) => {
      const pair = async () => {
        const server = net.createServer({ allowHalfOpen: true });
        await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
        const { port } = server.address() as net.AddressInfo;
        const near = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true }).on('error', () => {});
        const [[far]] = await Promise.all([once(server, 'connection'), once(near, 'connect')]);
        server.close();
        return { near, far: far.on('error', () => {}).resume() as net.Socket };
      };
      const client = await pair();
      const origin = await pair();
      const over = new Promise<string>((resolve) => {
        new Relay(client.near, origin.near, resolve).start(Buffer.alloc(0));
      });
      const { near, far } = who === 'client' ? client : origin;
      near.once('end', () => near.destroy(new Error('EPIPE')));
      far.end();
      expect(await over).toBe(`${who}-reset`);
      origin.far.destroy();
      client.far.destroy();
    },
  );
});
