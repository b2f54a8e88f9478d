/** What a proxy on Node cannot be faster than: it accepts, connects and pipes both ways, with no policy and no log. */
import net from 'node:net';

/** Longest head that is waited for, bytes. */
const MAX_HEAD = 65_536;

export function bareRelay(): net.Server {
  return net.createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    let head: Buffer = Buffer.alloc(0);
    client.on('error', () => client.destroy());
    client.on('data', function read(chunk: Buffer) {
      head = head.length === 0 ? chunk : Buffer.concat([head, chunk]);
      const end = head.indexOf('\r\n\r\n');
      if (end < 0) {
        if (head.length > MAX_HEAD) client.destroy();
        return;
      }
      client.off('data', read);
      client.pause();
      relay(client, head, end + 4);
    });
  });
}

function relay(client: net.Socket, head: Buffer, end: number): void {
  const [method, target = ''] = head.toString('latin1', 0, head.indexOf('\r\n')).split(' ');
  const tunnel = method === 'CONNECT';
  const { hostname, port } = new URL(tunnel ? `http://${target}` : target);
  const origin = net.connect({
    host: hostname,
    port: Number(port || 80),
    allowHalfOpen: true,
    noDelay: true,
  });
  origin.once('connect', () => {
    if (tunnel) client.write('HTTP/1.1 200 Connection established\r\n\r\n');
    // A plain request goes on as it came, and so does whatever follows on the connection.
    const first = tunnel ? head.subarray(end) : head;
    if (first.length > 0) origin.write(first);
    client.pipe(origin);
    origin.pipe(client);
  });
  origin.on('error', () => client.destroy());
  origin.on('close', () => client.destroy());
  client.on('close', () => origin.destroy());
}
