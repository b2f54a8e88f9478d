import http from 'node:http';
import net from 'node:net';
import { connectThroughHttp } from '../../../proxy/dial/upstream-http.js';
import { connectThroughSocks } from '../../../proxy/dial/upstream-socks.js';
import type { CanonicalHost } from '../../../proxy/policy/authority.js';
import { createResolver } from '../../../proxy/resolve/resolver.js';
import { startDnsServer } from '../../support/dns-server.js';
import { startProxy } from '../../support/proxy.js';
import { RawClient } from '../../support/raw-client.js';
import { startService } from '../../support/service.js';
import type { Reader } from '../growth.js';

/** What reads from a socket, over a real one. Begun with the first near-miss. */
const open: AsyncDisposable[] = [];
function once<T extends AsyncDisposable>(start: () => Promise<T>): () => Promise<T> {
  let started: Promise<T> | undefined;
  return () => {
    started ??= start().then((one) => {
      open.push(one);
      return one;
    });
    return started;
  };
}

export async function closeWire(): Promise<void> {
  for (const one of open.reverse()) await one[Symbol.asyncDispose]();
}

const proxy = once(() => startProxy());
const service = once(() => startService());

const TARGET = { host: 'a.test' as CanonicalHost, kind: 'name', port: 443 } as const;

/** Says a text to whoever connects, and ends. */
const speaker = once(async () => {
  const said = { text: '' };
  const server = net.createServer((socket) =>
    socket.on('error', () => {}).end(Buffer.from(said.text, 'latin1')),
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as net.AddressInfo;
  return { said, port, [Symbol.asyncDispose]: async () => void server.close() };
});
async function upstream(text: string, connect: (socket: net.Socket) => Promise<void>): Promise<void> {
  const { said, port } = await speaker();
  said.text = text;
  const socket = net.connect(port, '127.0.0.1').on('error', () => {});
  await new Promise<void>((resolve) => socket.once('connect', resolve));
  try {
    await connect(socket);
  } finally {
    socket.destroy();
  }
}
const never = new AbortController().signal;

const resolving = once(async () => {
  const server = await startDnsServer();
  const resolver = createResolver({ dns: { kind: 'server', text: server.address } });
  return {
    ...{ server, resolver },
    async [Symbol.asyncDispose]() {
      resolver.close();
      await server.close();
    },
  };
});
let names = 0;

function call(path: string, method: string, body?: string): Promise<void> {
  return service().then(
    ({ port }) =>
      new Promise((resolve, reject) => {
        const headers = body === undefined ? {} : { 'content-type': 'application/json' };
        const request = http.request({ port, method, path, headers, agent: false }, (response) => {
          response.resume();
          response.on('close', resolve);
        });
        request.on('error', reject);
        request.end(body);
      }),
  );
}
const JOB = JSON.stringify({
  ...{ Name: 'a', Type: 'batch' },
  Tasks: [{ Name: 'm', Network: { Type: 'HTTP', Domains: ['a.example.com', '.b.com'] }, Env: { A: 'b' } }],
});

export const WIRE: readonly Reader[] = [
  {
    name: 'requests to the proxy',
    read: async (text) => RawClient.exchange((await proxy()).port, Buffer.from(text, 'latin1')),
    seeds: [
      'GET http://denied.test:8080/a?b HTTP/1.1\r\nHost: denied.test:8080\r\nX-A: b, c\r\nConnection: close\r\n\r\n',
      'CONNECT denied.test:443 HTTP/1.1\r\nHost: denied.test:443\r\nConnection: close, x\r\n\r\n',
      'POST http://denied.test/ HTTP/1.1\r\nHost: denied.test\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n3\r\nabc\r\n0\r\nA: b\r\n\r\n',
    ],
    longest: 16_384,
    count: 8,
  },
  {
    name: "an upstream proxy's answer to CONNECT",
    read: (text) => upstream(text, (socket) => connectThroughHttp(socket, TARGET, undefined, never)),
    seeds: ['HTTP/1.1 200 Connection established\r\nA: b\r\n\r\n', 'HTTP/1.0 407 No\r\n\r\n'],
    longest: 32_768,
    count: 10,
  },
  {
    name: "a SOCKS proxy's answers",
    read: (text) => upstream(text, (socket) => connectThroughSocks(socket, TARGET, undefined, never)),
    seeds: [
      '\x05\x00\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x50hello',
      '\x05\x00\x05\x01\x00\x03\x06a.test\x00\x50',
    ],
    longest: 32_768,
    count: 10,
  },
  {
    name: 'answers of a name server',
    // A word is an address: so many of them.
    read: async (text) => {
      const { server, resolver } = await resolving();
      const name = `n${names++}.test`;
      server.set(name, { addresses: text.split(' ').map((_, at) => `192.0.${(at >> 8) & 255}.${at & 255}`) });
      return resolver.resolve(name as CanonicalHost);
    },
    seeds: ['a b c'],
    longest: 8_000,
    count: 4,
  },
  {
    name: 'a body for admission',
    read: (text) => call('/v1/admission', 'POST', text),
    seeds: [JOB, `{"Job":${JOB}}`],
    longest: 16_384,
    count: 8,
  },
  {
    name: 'a body for a gateway',
    read: (text) =>
      call(
        '/v1/gateways',
        'POST',
        `{"jobId":"!","network":{"Domains":[${JSON.stringify(text)}]},"rate":${JSON.stringify(text)}}`,
      ),
    seeds: ['a.example.com', '10mbit', ' .b.com '],
    longest: 32_768,
    count: 10,
  },
  {
    name: 'a question for events',
    read: (text) => call(`/v1/events?gateway=x&types=${encodeURIComponent(text)}`, 'GET'),
    seeds: ['decision,closed,x', 'job,,admission!'],
    longest: 8_192,
    count: 10,
  },
];
