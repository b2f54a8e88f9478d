import { isDeepStrictEqual } from 'node:util';
import { sendCut } from '../soak/aborts.js';
import { Mismatch, type Scenario, type Scene } from '../soak/runner.js';
import { helloMessage, record, records, serverNames } from '../support/client-hello.js';
import { answerByNode, answerHere, isStricter, requestByNode, requestHere } from '../support/node-parsers.js';
import type { RawClient } from '../support/raw-client.js';
import { mutated, mutatedAnswer, mutatedMessages, pick, type Words } from './mutate.js';

function words({ job: { domain }, world }: Scene): Words {
  const { originPort, trapPort, closedPort, jobs } = world;
  const allowed = [`www.${domain}:${originPort}`, `${domain}:${originPort}`, `WWW.${domain}.:${originPort}`];
  const other = jobs.find((one) => one.domain !== domain)?.domain ?? '';
  return {
    authorities: [
      ...allowed,
      ...allowed,
      ...allowed,
      `www.${domain}:${trapPort}`,
      `www.${domain}:${closedPort}`,
      `denied.${domain}:${originPort}`,
      `alias.${domain}:${originPort}`,
      `private.${domain}:${originPort}`,
      `www.${other}:${originPort}`,
      `evil${domain}:${originPort}`,
      `${domain}.evil.test:${originPort}`,
      `evil.test#.${domain}:${originPort}`,
      `evil.test\\.${domain}:${originPort}`,
      `evil.test%00.${domain}:${originPort}`,
      `evil.test\0.${domain}:${originPort}`,
      `a@www.${domain}:${originPort}`,
      `www.${domain}:${originPort}:${trapPort}`,
      `www.${domain}:0${originPort}`,
      `www.${domain}:${originPort + 65_536}`,
      `www.${domain}`,
      `127.9.9.9:${originPort}`,
      `127.0.0.1:${originPort}`,
      `2130706433:${originPort}`,
      `0x7f.1:${originPort}`,
      `[::ffff:127.9.9.9]:${originPort}`,
      `[::ffff:127.9.9.9%x.${domain}]:${originPort}`,
      `[www.${domain}]:${originPort}`,
    ],
  };
}

/** Sends, leaves in some way sooner or later, and waits for the end, which must come by itself then. */
async function sayAndLeave(client: RawClient, bytes: Buffer, { below }: Scene): Promise<void> {
  await sendCut(client, bytes, below);
  await new Promise((resolve) => setTimeout(resolve, below(30)));
  const way = below(6);
  if (way === 0) client.reset();
  else if (way === 1) client.socket.destroy();
  else if (way < 5) client.end();
  // One that stays may be waited for as long as it does.
  const patience = setTimeout(() => client.end(), 4_500);
  await client.untilEnd();
  clearTimeout(patience);
}

/** Whatever was sent, the first that comes back is an answer in HTTP or nothing. */
function checkAnswer({ text }: RawClient): void {
  if (text !== '' && !/^HTTP\/1\.1 \d{3} [^\r\n]*\r\n/.test(text)) {
    throw new Mismatch(`not an answer: ${JSON.stringify(text.slice(0, 300))}`);
  }
}

export const heads: Scenario = {
  name: 'heads',
  async run(scene) {
    const client = await scene.connect();
    await sayAndLeave(client, mutatedMessages(words(scene), false, scene.below), scene);
    checkAnswer(client);
  },
};

export const headsInTunnel: Scenario = {
  name: 'heads in a tunnel',
  async run(scene) {
    const client = await scene.connect();
    await client.connectTo(`www.${scene.job.domain}:${scene.world.originPort}`);
    await sayAndLeave(client, mutatedMessages(words(scene), true, scene.below), scene);
    checkAnswer(client);
  },
};

/** Right behind the CONNECT, or later; the origin reads the name in it with OpenSSL. */
export const hellos: Scenario = {
  name: 'hellos',
  async run(scene) {
    const { below, job, world } = scene;
    const allowed = `www.${job.domain}`;
    const names = [
      allowed,
      allowed,
      allowed,
      'evil.test',
      `${allowed}\0.evil.test`,
      `evil${job.domain}`,
      '',
      `${allowed}.`,
    ];
    const entries = Array.from({ length: below(8) === 0 ? below(3) : 1 }, () => {
      return [below(20) === 0 ? below(3) : 0, pick(names, below)] as const;
    });
    const message = helloMessage({
      ...(below(10) > 0 && { serverName: serverNames(...entries) }),
      // What OpenSSL wants to see before it looks at the name.
      extensions: [
        [10, Buffer.from('0002001d', 'hex')],
        [13, Buffer.from('000404030804', 'hex')],
        [43, Buffer.from('020304', 'hex')],
        [51, Buffer.from(`0024001d0020${'09'.repeat(32)}`, 'hex')],
        ...(below(5) === 0 ? [[below(60), Buffer.alloc(below(40))] as const] : []),
      ],
    });
    const broken = below(3) === 0 ? mutated(message.toString('latin1'), 1 + below(3), below) : message;
    const cut = below(2) === 0 ? record(broken) : records(broken, 1 + below(60));
    const bytes = below(5) === 0 ? mutated(cut.toString('latin1'), 1 + below(3), below) : cut;
    const client = await scene.connect();
    const target = `${allowed}:${world.originPort}`;
    if (below(3) === 0) {
      // Where downloads take all tokens, what is refused at once is cut before the answer to its CONNECT is out.
      const connect = `CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n\r\n`;
      await sayAndLeave(client, Buffer.concat([Buffer.from(connect), bytes]), scene);
      checkAnswer(client);
    } else {
      await client.connectTo(target);
      await sayAndLeave(client, bytes, scene);
    }
  },
};

export const garbage: Scenario = {
  name: 'garbage',
  async run(scene) {
    const { below, job, world } = scene;
    const client = await scene.connect();
    const inTunnel = below(2) === 0;
    if (inTunnel) await client.connectTo(`www.${job.domain}:${world.originPort}`);
    const bytes = Buffer.from(Array.from({ length: below(3_000) }, () => below(256)));
    await sayAndLeave(client, bytes, scene);
    if (inTunnel && client.text !== '')
      throw new Mismatch(`an answer to garbage: ${JSON.stringify(client.text)}`);
    checkAnswer(client);
  },
};

/** The origin is the hostile one. */
export const answers: Scenario = {
  name: 'answers',
  async run(scene) {
    const { below, job, world } = scene;
    const client = await scene.connect();
    const host = `www.${job.domain}:${world.originPort}`;
    const inTunnel = below(3) === 0;
    if (inTunnel) await client.connectTo(host);
    const raw = mutatedAnswer(below).subarray(0, 30_000);
    const method = pick(['GET', 'GET', 'HEAD', 'POST'], below);
    const path = `/raw/${raw.toString('hex')}`;
    const body = method === 'POST' ? 'Content-Length: 2\r\n\r\nhi' : '\r\n';
    const request = `${method} ${inTunnel ? '' : `http://${host}`}${path} HTTP/1.1\r\nHost: ${host}\r\n${body}`;
    await sayAndLeave(client, Buffer.from(request.repeat(1 + below(2))), scene);
    checkAnswer(client);
    const [head = ''] = client.text.split('\r\n\r\n', 1);
    if (/^x-jobgate-deny: *forged/im.test(head))
      throw new Mismatch(`a forged deny header came through: ${head}`);
  },
};

/** What jobgate reads without Node's parser, beside it. */
export const parsers: Scenario = {
  name: 'parsers',
  async run({ below }) {
    for (let i = 0; i < 20; i++) {
      const inTunnel = below(3) === 0;
      const asked = mutatedMessages({ authorities: ['a.test', 'b.test:8080'] }, inTunnel, below);
      const request = requestHere(asked, inTunnel);
      if (request) same(request, await requestByNode(asked), asked);
      const answer = mutatedAnswer(below);
      const method = pick(['GET', 'GET', 'HEAD'], below);
      const here = answerHere(answer, method, () => 1 + below(400));
      if (isStricter(here, answer)) continue;
      const node = await answerByNode(answer, method);
      if ('broken' in here || 'broken' in node) same('broken' in here, 'broken' in node, answer);
      else same({ ...here, persists: here.persists && !node.persists }, { ...node, persists: false }, answer);
    }
  },
};

function same(here: unknown, node: unknown, bytes: Buffer): void {
  if (!isDeepStrictEqual(here, node)) {
    throw new Mismatch(`${JSON.stringify(bytes.toString('latin1'))} is ${JSON.stringify([here, node])}`);
  }
}
