import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';

/** What comes with it is the harness', to show that a trap can be reached. */
const TOKEN = randomBytes(8).toString('hex');
const FIRST_BYTES_MS = 1_000;

/** Services of the host that no job may reach, on all of its addresses. */
export interface Traps extends AsyncDisposable {
  readonly tcp: number;
  readonly udp: number;
  readonly token: string;
  /** That came with the token, by protocol. */
  readonly controls: { tcp: number; udp: number };
}

/** @param onVisit for whoever else comes. */
export async function startTraps(onVisit: (what: string) => void): Promise<Traps> {
  const controls = { tcp: 0, udp: 0 };
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    const from = `${socket.remoteAddress} came to TCP ${socket.localAddress}:${socket.localPort}`;
    let judged = false;
    const judge = (first?: Buffer) => {
      clearTimeout(timer);
      if (judged) return;
      judged = true;
      if (first?.includes(TOKEN)) controls.tcp++;
      else onVisit(`${from} with ${JSON.stringify(first?.toString('latin1').slice(0, 200) ?? '')}`);
      socket.destroy();
    };
    const timer = setTimeout(judge, FIRST_BYTES_MS);
    socket.once('data', judge);
    socket.on('error', () => {});
    // Whoever only looked was here as well.
    socket.once('close', () => {
      sockets.delete(socket);
      judge();
    });
  });
  server.listen({ host: '::', port: 0 });
  await once(server, 'listening');
  const datagrams = createSocket('udp6');
  datagrams.on('message', (message, from) => {
    if (message.includes(TOKEN)) controls.udp++;
    else
      onVisit(`${from.address} came to UDP with ${JSON.stringify(message.toString('latin1').slice(0, 200))}`);
    datagrams.send('hello', from.port, from.address, () => {});
  });
  datagrams.on('error', () => {});
  datagrams.bind(0, '::');
  await once(datagrams, 'listening');
  return {
    tcp: (server.address() as AddressInfo).port,
    udp: datagrams.address().port,
    token: TOKEN,
    controls,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      datagrams.close();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
