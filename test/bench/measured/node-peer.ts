/** Proxies that are made with packages of npm, as their documentation makes them; and what is no proxy at all. */
import http from 'node:http';
import net from 'node:net';
import { ProxyServer } from 'http-proxy';
import { Server } from 'proxy-chain';
import { answerCalls } from '../child.js';
import { bareRelay } from './bare-relay.js';

export type NodePeerKind = 'bare relay' | 'proxy-chain' | 'http-proxy';

async function start(kind: NodePeerKind): Promise<number> {
  if (kind === 'proxy-chain') {
    const server = new Server({ host: '127.0.0.1', port: 0, verbose: false });
    await server.listen();
    return server.port;
  }
  const server = kind === 'bare relay' ? bareRelay() : httpProxy();
  await new Promise<void>((resolve) => server.listen({ host: '127.0.0.1', port: 0 }, resolve));
  return (server.address() as net.AddressInfo).port;
}

/** http-proxy does requests; tunnels are what everybody writes around it. */
function httpProxy(): http.Server {
  const proxy = new ProxyServer({ agent: new http.Agent({ keepAlive: true, maxSockets: 64 }) });
  proxy.on('error', () => {});
  const server = http.createServer((request, response) => {
    const { origin, pathname } = new URL(request.url ?? '');
    request.url = pathname;
    proxy.web(request, response, { target: origin });
  });
  server.on('connect', (request, client, head) => {
    const [host, port] = (request.url ?? '').split(':');
    const origin = net.connect(Number(port), host as string, () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n');
      origin.write(head);
      origin.pipe(client);
      client.pipe(origin);
    });
    origin.on('error', () => client.destroy());
    client.on('error', () => origin.destroy());
  });
  return server;
}

const api = { start };

export type NodePeerApi = typeof api;

answerCalls(api);
