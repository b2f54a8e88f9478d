import { describe, expect, test } from 'vitest';
import { startTcpOrigin } from '../../support/origin.js';
import { startProxy } from '../../support/proxy.js';
import { RawClient } from '../../support/raw-client.js';

/** What a job says on one connection, piece by piece: the next once `until` was answered; AUTHORITY is the origin's. */
interface Talk {
  readonly name: string;
  readonly says: readonly string[];
  /** What the origin sends for each request, and whether it ends its side then. */
  readonly answers: readonly string[];
  readonly ends?: boolean;
  readonly inTunnel?: boolean;
  /** Each way keeps connections of its own. */
  readonly mixed?: boolean;
}

/** All that can be seen of it. */
interface Seen {
  readonly job: string;
  readonly origin: readonly string[];
  readonly connections: number;
  readonly events: readonly unknown[];
}

const get = (lines = '', method = 'GET', path = '/a?b=c') =>
  `${method} http://AUTHORITY${path} HTTP/1.1\r\nHost: AUTHORITY\r\n${lines}\r\n`;
const inside = (lines = '', host = 'AUTHORITY') => `GET /a?b=c HTTP/1.1\r\nHost: ${host}\r\n${lines}\r\n`;

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
const LAST = 'Connection: close\r\n';
const chunked = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n';

const TALKS: readonly Talk[] = [
  { name: 'one request', says: [get(LAST)], answers: [OK] },
  { name: 'two on one connection', says: [get(), get(LAST)], answers: [OK, OK] },
  { name: 'HEAD', says: [get(LAST, 'HEAD')], answers: ['HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n'] },
  { name: 'HEAD without a length', says: [get(LAST, 'HEAD')], answers: ['HTTP/1.1 200 OK\r\n\r\n'] },
  {
    name: 'headers that are about the connection, or the job',
    says: [
      get(
        `Keep-Alive: 5\r\nProxy-Authorization: Basic eDp5\r\nX-Bacalhau-Job-ID: forged\r\nx_bacalhau_job_id: forged\r\nCookie: a; b\r\nX: \t y z \t\r\nEmpty:\r\nTE_: x\r\n${LAST}`,
      ),
    ],
    answers: [
      'HTTP/1.1 299 Fine indeed\r\nDate: then\r\nX-Jobgate-Deny: forged\r\nKeep-Alive: timeout=9\r\nProxy-Authenticate: x\r\nSet-Cookie: a\r\nset-cookie: b\r\nConnection: X-Hop\r\nX-Hop: 1\r\nContent-Length: 0\r\n\r\n',
    ],
  },
  { name: 'chunks', says: [get(LAST)], answers: [`${chunked}5;x=y\r\nhello\r\n0\r\n\r\n`] },
  {
    name: 'trailers',
    says: [get(LAST)],
    answers: [`${chunked}5\r\nhello\r\n0\r\nX-Sum: 1\r\nX-Jobgate-Deny: x\r\nHost: x\r\n\r\n`],
  },
  {
    name: 'a body that ends with its connection',
    says: [get(), get(LAST)],
    answers: ['HTTP/1.1 200 OK\r\n\r\nhello'],
    ends: true,
  },
  {
    name: 'an origin of HTTP/1.0',
    says: [get(), get(LAST)],
    answers: ['HTTP/1.0 200 OK\r\n\r\nhello'],
    ends: true,
  },
  {
    name: 'an origin that closes',
    says: [get(), get(LAST)],
    answers: ['HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n'],
  },
  { name: '204', says: [get(LAST)], answers: ['HTTP/1.1 204 No Content\r\nX: 1\r\n\r\n'] },
  { name: '304', says: [get(LAST)], answers: ['HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n'] },
  { name: 'no phrase', says: [get(LAST)], answers: ['HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n'] },
  {
    name: 'a phrase that none is',
    says: [get(LAST)],
    answers: ['HTTP/1.1 200 A\x01\r\nContent-Length: 0\r\n\r\n'],
  },
  {
    name: '1xx',
    says: [get(LAST)],
    answers: [
      `HTTP/1.1 100 Go\r\n\r\nHTTP/1.1 102 Wait\r\n\r\nHTTP/1.1 103 Hints\r\nLink: </a>; rel=preload\r\nlink: </b>\r\nX-Y: z\r\n\r\n${OK}`,
    ],
  },
  { name: 'hints without a link', says: [get(LAST)], answers: [`HTTP/1.1 103 Hints\r\nX: y\r\n\r\n${OK}`] },
  {
    name: 'an upgrade that nobody asked for',
    says: [get(LAST)],
    answers: ['HTTP/1.1 101 S\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n'],
  },
  { name: 'a broken answer', says: [get(), get(LAST)], answers: ['HTTP/1.1 200 OK\r\nA : b\r\n\r\n'] },
  {
    name: 'two lengths',
    says: [get(LAST)],
    answers: ['HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok'],
  },
  {
    name: 'an unknown coding',
    says: [get(LAST)],
    answers: ['HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nok'],
  },
  {
    name: 'an answer of another request behind it',
    says: [get(), get(LAST)],
    answers: [`${OK}${OK.replace('ok', 'no')}`],
  },
  { name: 'an end without an answer', says: [get(LAST)], answers: [''], ends: true },
  {
    name: 'a host that is not allowed',
    says: [get().replaceAll('AUTHORITY', 'other.test'), get(LAST)],
    answers: [OK],
  },
  { name: 'HEAD to one', says: [get(LAST, 'HEAD').replaceAll('AUTHORITY', 'other.test')], answers: [OK] },
  {
    name: 'a port that is none',
    says: [get(LAST).replaceAll('AUTHORITY', 'allowed.test:70000')],
    answers: [OK],
  },
  { name: 'no host', says: [`GET http://AUTHORITY/ HTTP/1.1\r\n${LAST}\r\n`], answers: [OK] },
  { name: 'in a tunnel', says: [inside(), inside(LAST)], answers: [OK, OK], inTunnel: true },
  {
    name: 'for another host in a tunnel',
    says: [inside('', 'other.test'), inside(LAST)],
    answers: [OK],
    inTunnel: true,
  },
  { name: 'in absolute form in a tunnel', says: [get(LAST)], answers: [OK], inTunnel: true },
  {
    mixed: true,
    name: 'a POST behind a GET',
    says: [get(), `POST http://AUTHORITY/ HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n${LAST}\r\nhi`],
    answers: [OK, OK],
  },
  { name: 'garbage behind a GET', says: [get(), 'garbage\r\n\r\n'], answers: [OK] },
  { name: 'a bare line feed behind a GET', says: [get(), get(LAST).replace('\r\n', '\n')], answers: [OK] },
];

async function seen({ says, answers, ends, inTunnel }: Talk, nodeHttp: boolean): Promise<Seen> {
  const asked: string[] = [];
  let connections = 0;
  let next = 0;
  await using origin = await startTcpOrigin((socket) => {
    connections++;
    socket.on('end', () => socket.end());
    socket.on('data', (chunk) => {
      asked.push(chunk.toString('latin1'));
      const answer = answers[Math.min(next++, answers.length - 1)] as string;
      socket.write(Buffer.from(answer, 'latin1'));
      if (ends) socket.end();
    });
  });
  await using proxy = await startProxy({ nodeHttp, allow: ['allowed.test', `allowed.test:${origin.port}`] });
  await using client = await RawClient.connect(proxy.port);
  const authority = `allowed.test:${origin.port}`;
  const masked = (text: string) =>
    text.replaceAll(String(origin.port), 'PORT').replaceAll(/Date: [^\r]* GMT/g, 'Date: NOW');
  if (inTunnel) await client.connectTo(authority);
  const told = () => proxy.events.filter(({ method }) => method !== 'CONNECT');
  for (const [i, text] of says.entries()) {
    const before = told().length;
    client.send(text.replaceAll('AUTHORITY', authority));
    if (i === says.length - 1) await client.untilEnd();
    // An answer that is out is told; a refused one has no end.
    else
      await expect
        .poll(() =>
          told()
            .slice(before)
            .some(
              ({ type, ...event }) => type === 'closed' || ('decision' in event && event.decision === 'deny'),
            ),
        )
        .toBe(true);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  client.end();
  await expect.poll(() => proxy.proxy.figures()).toMatchObject({ connections: 0, requests: 0 });
  const events = told().map((event) => ({
    ...event,
    time: 0,
    ms: 0,
    port: event.port === origin.port ? 1 : event.port,
  }));
  return {
    job: masked(client.text),
    origin: asked.map(masked),
    connections,
    events: JSON.parse(masked(JSON.stringify(events))),
  };
}

/** Simple requests are read and answered without Node's HTTP. Nobody can tell, by a byte or an event. */
describe('a talk is the same whether Node serves it or not:', () => {
  test.each(TALKS.map((talk) => [talk.name, talk] as const))('%s', async (_, talk) => {
    const [here, byNode] = await Promise.all([seen(talk, false), seen(talk, true)]);
    expect(talk.mixed ? { ...here, connections: 1 } : here).toEqual(byNode);
    expect(here.job).toMatch(/^HTTP\/1\.1 /);
  });
});
