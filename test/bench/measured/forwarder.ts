/** The bare minimum of a forward proxy for plain requests, made with one of three libraries. */
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { ProxyServer } from 'http-proxy';
import { Agent, type Dispatcher } from 'undici';
import { answerCalls } from '../child.js';

export type ForwarderKind = 'http-proxy' | 'http.request' | 'undici dispatch';
type Forward = (request: http.IncomingMessage, response: http.ServerResponse) => void;

const SOCKETS = 64;

async function start(kind: ForwarderKind): Promise<number> {
  const forward = { 'http-proxy': byHttpProxy, 'http.request': byHttp, 'undici dispatch': byUndici }[kind]();
  const server = http.createServer(forward);
  await new Promise<void>((resolve) => server.listen({ host: '127.0.0.1', port: 0 }, resolve));
  return (server.address() as AddressInfo).port;
}

function byHttpProxy(): Forward {
  const agent = new http.Agent({ keepAlive: true, maxSockets: SOCKETS });
  const proxy = new ProxyServer({ agent, followRedirects: false });
  proxy.on('error', () => {});
  return (request, response) => {
    const { origin, pathname } = new URL(request.url ?? '');
    request.url = pathname;
    proxy.web(request, response, { target: origin });
  };
}

function byHttp(): Forward {
  const agent = new http.Agent({ keepAlive: true, maxSockets: SOCKETS });
  return (request, response) => {
    const { hostname, port, pathname } = new URL(request.url ?? '');
    const { method, headers } = request;
    const upstream = http.request({ agent, hostname, port, path: pathname, method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
      answer.pipe(response);
    });
    upstream.on('error', () => response.destroy());
    request.pipe(upstream);
  };
}

function byUndici(): Forward {
  const agent = new Agent({ connections: SOCKETS });
  return (request, response) => {
    const { origin, pathname } = new URL(request.url ?? '');
    const handler: Dispatcher.DispatchHandler = {
      onRequestStart() {},
      onResponseStart(_controller, status, headers) {
        response.writeHead(status, headers as http.OutgoingHttpHeaders);
      },
      onResponseData: (_controller, chunk) => {
        response.write(chunk);
      },
      onResponseEnd: () => {
        response.end();
      },
      onResponseError: () => {
        response.destroy();
      },
    };
    const method = request.method as Dispatcher.HttpMethod;
    agent.dispatch({ origin, path: pathname, method, headers: request.headers, body: null }, handler);
  };
}

const api = { start };

export type ForwarderApi = typeof api;

answerCalls(api);
