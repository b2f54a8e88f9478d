import { createHash, randomBytes } from 'node:crypto';
import tls from 'node:tls';
import { denialOf, type RawClient } from '../support/raw-client.js';
import { maybeAbort, sendCut } from './aborts.js';
import { type Answer, AnswerReader } from './answers.js';
import { pattern } from './origin-behaviour.js';
import { Mismatch, type Scenario, type Scene } from './runner.js';

const NAMES = ['www.', '', 'ABC.', 'slow.', 'many.'];

function authority({ job, world, below }: Scene, port = world.originPort): string {
  return `${NAMES[below(NAMES.length)]}${job.domain}:${port}`;
}

function size({ below }: Scene): number {
  return [0, 1, below(2_000), below(70_000), below(below(4) === 0 ? 2_000_000 : 200_000)][below(5)] as number;
}

function expect(ok: boolean, what: () => string): void {
  if (!ok) throw new Mismatch(what());
}

/** A request and what its answer must be. */
interface Exchange {
  readonly method: string;
  readonly head: string;
  readonly body: Buffer;
  readonly want: Buffer;
}

function exchange(scene: Scene, target: string, host: string): Exchange {
  const { below } = scene;
  const n = size(scene);
  const request = (method: string, path: string, lines = '') =>
    `${method} ${target}/${path} HTTP/1.1\r\nHost: ${host}\r\nX-Bacalhau-Job-ID: forged\r\n${lines}\r\n`;
  const none = Buffer.alloc(0);
  switch (below(6)) {
    case 0:
      return { method: 'GET', head: request('GET', `bytes/${n}`), body: none, want: pattern(n) };
    case 1:
      return { method: 'GET', head: request('GET', `chunks/${n}`), body: none, want: pattern(n) };
    case 2:
      return { method: 'HEAD', head: request('HEAD', `bytes/${n}`), body: none, want: none };
    case 3:
      return { method: 'GET', head: request('GET', 'hints/3'), body: none, want: Buffer.from('hinted') };
    default: {
      const data = randomBytes(n);
      const expectation = below(3) === 0 ? 'Expect: 100-continue\r\n' : '';
      const want = Buffer.from(createHash('sha256').update(data).digest('hex'));
      if (below(2) === 0) {
        const lines = `${expectation}Content-Length: ${n}\r\n`;
        return { method: 'POST', head: request('POST', 'hash', lines), body: data, want };
      }
      const chunks: Buffer[] = [];
      for (let at = 0; at < n; ) {
        const chunk = data.subarray(at, at + 1 + below(30_000));
        chunks.push(Buffer.from(`${chunk.length.toString(16)}\r\n`), chunk, Buffer.from('\r\n'));
        at += chunk.length;
      }
      const body = Buffer.concat([...chunks, Buffer.from('0\r\n\r\n')]);
      const lines = `${expectation}Transfer-Encoding: chunked\r\n`;
      return { method: 'POST', head: request('POST', 'hash', lines), body, want };
    }
  }
}

/** One request after another, or several at once, each answer checked; left in the middle now and then. */
async function converse(scene: Scene, client: RawClient, target: string, host: string): Promise<void> {
  const { below } = scene;
  const leaves = maybeAbort(client, below);
  const answers = new AnswerReader(client);
  const check = async ({ method, head, body, want }: Exchange) => {
    const answer = await answers.next(method);
    if (leaves && (answer === undefined || wasCut(client, answer))) return false;
    expect(answer?.status === 200 && answer.body.equals(want), () => {
      const got = answer ? `${answer.head} and ${answer.body.length} bytes` : 'nothing';
      return `${head} (${body.length} bytes behind it, ${want.length} bytes expected) got ${got}`;
    });
    return true;
  };
  for (let round = 1 + below(4); round > 0; round--) {
    const batch = Array.from({ length: below(3) === 0 ? 1 + below(8) : 1 }, () =>
      exchange(scene, target, host),
    );
    const sent = sendCut(
      client,
      Buffer.concat(batch.flatMap(({ head, body }) => [Buffer.from(head), body])),
      below,
    );
    for (const one of batch) if (!(await check(one))) return;
    await sent;
  }
}

/** One that ends its side in the middle of a request has sent none, and is told so. */
function wasCut({ socket }: RawClient, { status, head }: Answer): boolean {
  return socket.writableEnded && status === 400 && denialOf(`${head}\r\n`) === 'malformed-request';
}

export const requests: Scenario = {
  name: 'requests',
  async run(scene) {
    const host = authority(scene);
    await converse(scene, await scene.connect(), `http://${host}`, 'anything');
  },
};

export const requestsInTunnel: Scenario = {
  name: 'requests in a tunnel',
  async run(scene) {
    const client = await scene.connect();
    const host = authority(scene);
    await client.connectTo(host);
    await converse(scene, client, '', host);
  },
};

export const tlsTunnel: Scenario = {
  name: 'TLS in a tunnel',
  async run(scene) {
    const { below, world } = scene;
    const client = await scene.connect();
    const host = authority(scene);
    await client.connectTo(host);
    const leaves = maybeAbort(client, below);
    client.socket.removeAllListeners('data');
    const data = randomBytes(size(scene));
    const name = host.replace(/:\d+$/, '').toLowerCase();
    const received = await new Promise<Buffer | Error>((resolve) => {
      const chunks: Buffer[] = [];
      const inside = tls.connect({ socket: client.socket, servername: name, ca: world.ca });
      inside.on('error', resolve);
      inside.on('data', (chunk) => chunks.push(chunk));
      inside.on('end', () => resolve(Buffer.concat(chunks)));
      inside.on('close', () => resolve(new Error('closed')));
      inside.end(data);
      // One that does not read for a while: what is under way meanwhile must not change.
      if (below(3) > 0) return;
      setTimeout(() => inside.pause(), below(20));
      setTimeout(() => inside.resume(), 20 + below(200));
    });
    expect(leaves || (Buffer.isBuffer(received) && received.equals(data)), () => {
      return `${data.length} bytes came back as ${received instanceof Error ? received : received.length}`;
    });
  },
};

/** What must be refused, and how. */
function refusals({ job: { domain }, world }: Scene): [request: string, reason: string][] {
  const { originPort, closedPort, silentPort, trapPort, jobs } = world;
  const connect = (target: string) => `CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n\r\n`;
  const get = (url: string) => `GET http://${url} HTTP/1.1\r\nHost: x\r\n\r\n`;
  const both = (target: string, reason: string): [string, string][] => [
    [connect(target), reason],
    [get(`${target}/`), reason],
  ];
  return [
    ...both(`evil${domain}:${originPort}`, 'domain-not-allowed'),
    ...both(`${domain}.evil.test:${originPort}`, 'domain-not-allowed'),
    ...both(`192.0.2.1:${originPort}`, 'domain-not-allowed'),
    ...both(`127.9.9.9:${originPort}`, 'job-itself'),
    ...both(`denied.${domain}:${originPort}`, 'operator-denied'),
    ...both(`alias.${domain}:${originPort}`, 'operator-denied'),
    ...both(`private.${domain}:${originPort}`, 'address-not-public'),
    ...both(`mixed.${domain}:${originPort}`, 'address-not-public'),
    ...both(`www.${domain}:${trapPort}`, 'address-not-public'),
    ...both(`nx.${domain}:${originPort}`, 'name-not-found'),
    ...both(`servfail.${domain}:${originPort}`, 'dns-failed'),
    ...both(`silent.${domain}:${originPort}`, 'dns-timeout'),
    ...both(`www.${domain}:${closedPort}`, 'connect-failed'),
    ...(silentPort === undefined ? [] : both(`www.${domain}:${silentPort}`, 'connect-timeout')),
    ...jobs.flatMap(({ port }) => both(`www.${domain}:${port}`, 'proxy-loop')),
    [connect(`www.${domain}:22`), 'port-not-allowed'],
    [connect(`www.${domain}:0443`), 'malformed-target'],
    [connect(`user@www.${domain}:443`), 'malformed-target'],
    [connect('[::ffff:1.2.3.4%x.one.test]:443'), 'malformed-target'],
    [get(`2130706433:${originPort}/`), 'malformed-target'],
    [`GET / HTTP/1.1\r\nHost: www.${domain}\r\n\r\n`, 'malformed-target'],
    [`GET http://www.${domain}:${originPort}/ HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n`, 'malformed-request'],
    [`GET http://www.${domain}/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n`, 'malformed-request'],
    [
      `GET http://www.${domain}/ HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: tls/1.0\r\n\r\n`,
      'unsupported-upgrade',
    ],
    ['GET http://www', 'header-timeout'],
    [get(`www.${domain}:${originPort}/reset`), 'origin-broken'],
    [get(`www.${domain}:${originPort}/raw/${Buffer.from('SSH-2.0-x\r\n').toString('hex')}`), 'origin-broken'],
  ];
}

export const refused: Scenario = {
  name: 'refused',
  async run(scene) {
    const { below, world } = scene;
    const all = refusals(scene);
    const [request, reason] = all[below(all.length)] as [string, string];
    const client = await scene.connect();
    const leaves = maybeAbort(client, below);
    // Bytes behind a refusal are nobody's request.
    const behind =
      below(2) === 0 && request.endsWith('\r\n\r\n')
        ? `GET http://www.${scene.job.domain}:${world.originPort}/bytes/1 HTTP/1.1\r\nHost: x\r\n\r\n`
        : '';
    await sendCut(client, Buffer.from(request + behind), below);
    await client.until('\r\n\r\n').catch(() => {});
    expect(leaves || denialOf(client.text) === reason, () => {
      return `${JSON.stringify(request)} got ${JSON.stringify(client.text)} instead of ${reason}`;
    });
    const closes = !leaves && request.startsWith('CONNECT') && behind !== '';
    if (closes) await client.untilEnd();
    expect(
      !closes || client.text.match(/^HTTP\/1\.1/gm)?.length === 1,
      () => `a second answer: ${client.text}`,
    );
  },
};

/** Origins that are slow or break off, clients that wait or leave or do not read. */
export const trouble: Scenario = {
  name: 'trouble',
  async run(scene) {
    const { below } = scene;
    const client = await scene.connect();
    const host = authority(scene);
    const inTunnel = below(3) === 0;
    if (inTunnel) await client.connectTo(host);
    const paths = ['slow/300', 'mute', 'reset', 'half/50000', 'early', 'bytes/3000000', 'hints/9', 'mute'];
    const path = paths[below(paths.length)];
    if (below(3) === 0) client.socket.pause();
    const target = inTunnel ? '' : `http://${host}`;
    const lines = path === 'early' ? 'Content-Length: 100000\r\n' : '';
    const request = `${lines ? 'POST' : 'GET'} ${target}/${path} HTTP/1.1\r\nHost: ${host}\r\n${lines}\r\n`;
    await sendCut(client, Buffer.from(request.repeat(lines ? 1 : 1 + below(4))), below);
    await new Promise((resolve) => setTimeout(resolve, below(150)));
    [() => client.reset(), () => client.socket.destroy(), () => client.end()][below(3)]?.();
    client.socket.resume();
    await new Promise((resolve) => setTimeout(resolve, below(30)));
  },
};

/** A tunnel in which nothing, too little, or something else than TLS and HTTP is said. */
export const strangeTunnel: Scenario = {
  name: 'strange tunnel',
  async run(scene) {
    const { below } = scene;
    const client = await scene.connect();
    await client.connectTo(authority(scene));
    const leaves = maybeAbort(client, below);
    const says = ['', 'SSH-2.0-x\r\n', '\x16\x03\x01', 'GE', 'EHLO x\r\n', '\0'];
    client.send(says[below(says.length)] ?? '');
    await client.untilEnd();
    expect(leaves || client.text === '', () => `got ${JSON.stringify(client.text)}`);
  },
};
