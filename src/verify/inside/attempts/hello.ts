import { connect } from 'node:net';
import { connect as startTls } from 'node:tls';
import type { Attempt } from '../plan.js';
import { type Bounds, type Found, ofError, ofHeard } from './outcome.js';

/** A ClientHello, in a tunnel or at once. The listener makes no TLS of it: what counts is whether it came there. */
export function hello(
  { host, port, say, serverName }: Attempt & { do: 'hello' },
  bounds: Bounds,
): Promise<Found> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const heard: Buffer[] = [];
    let begun = false;
    const end = (nothing: Found) => {
      clearTimeout(limit);
      socket.destroy();
      resolve(ofHeard(Buffer.concat(heard), bounds, nothing));
    };
    const limit = setTimeout(() => end({ outcome: 'silent', detail: 'nothing came' }), bounds.waitMs);
    const begin = () => {
      begun = true;
      socket.off('data', onData);
      const tls = startTls({ socket, servername: serverName, rejectUnauthorized: false });
      tls.on('error', () => end({ outcome: 'refused', detail: 'the tunnel was closed' }));
      // Node's TLS takes what comes; an alert is all that is told of it.
      tls.once('secureConnect', () => end({ outcome: 'answered', detail: 'a handshake was made' }));
    };
    const onData = (chunk: Buffer) => {
      heard.push(chunk);
      const text = Buffer.concat(heard).toString('latin1');
      if (begun || !text.includes('\r\n\r\n')) return;
      if (/^HTTP\/1\.[01] 2/.test(text)) {
        heard.length = 0;
        begin();
      }
    };
    socket.on('data', onData);
    socket.once('connect', () => (say === undefined ? begin() : socket.write(Buffer.from(say, 'latin1'))));
    socket.once('close', () => end({ outcome: 'refused', detail: 'closed' }));
    socket.once('error', (error) => end(ofError(error)));
  });
}
