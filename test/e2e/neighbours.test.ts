import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Cleanup } from '../support/cleanup.js';
import { describeE2e, docker, JOB_IMAGE, run } from '../support/e2e.js';
import { type Serve, startServe } from '../support/serve.js';
import { type Stage, startStage } from '../support/stage.js';

/** Heads and ClientHellos that are nearly right, of each length. */
const LENGTHS = 60;

describeE2e(
  'what a job sends costs its neighbours nothing',
  () => {
    const cleanup = new Cleanup();
    let stage: Stage;
    let serve: Serve;
    let attacker: string;
    let sibling: string;
    beforeAll(async () => {
      stage = cleanup.use(await startStage({ 'example.com': {} }));
      // Tunnels that end at once are charged what their origin may have sent: at the usual rate that is all one would see.
      serve = cleanup.use(await startServe(['--dns', stage.net.dns, '--rate', '200mbit']));
      [attacker, sibling] = [await startJob(), await startJob()];
    });
    afterAll(() => cleanup[Symbol.asyncDispose]());

    /** A container behind a gateway of its own. */
    async function startJob(): Promise<string> {
      const jobId = `neighbour-${randomBytes(4).toString('hex')}`;
      const { status, body } = await serve.ask('/v1/gateways', {
        body: { jobId, network: { Domains: ['example.com'] } },
      });
      expect(status).toBe(201);
      cleanup.add(() => serve.ask(`/v1/gateways/${body.id}`, { method: 'DELETE' }));
      cleanup.add(() => docker('rm', '-f', jobId));
      await docker('run', '-d', '--name', jobId, ...body.docker, JOB_IMAGE, 'sleep', '600');
      return jobId;
    }

    /** Runs the attack, and asks from the sibling all the time until it is over. */
    async function attack(messages: string): Promise<{ outcomes: Record<string, number>; served: string[] }> {
      let over = false;
      const attacking = run('docker', ['exec', attacker, 'node', '-e', `(${attackScript})(${messages})`], {
        timeoutMs: 150_000,
      }).finally(() => {
        over = true;
      });
      const served: string[] = [];
      do {
        const curl = [
          'curl',
          '-sS',
          '-m',
          '30',
          '-o',
          '/dev/null',
          '-w',
          '%{http_code}',
          'http://example.com/',
        ];
        served.push((await run('docker', ['exec', sibling, ...curl])).stdout);
      } while (!over);
      const { code, stdout, stderr } = await attacking;
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      return { outcomes: JSON.parse(stdout), served };
    }

    it('a CONNECT head of thirty lines and a name with an underscore is answered', async () => {
      const head = `CONNECT example.com:443 HTTP/1.1\r\n${'a: b\r\n'.repeat(30)}a_b: c\r\n\r\n`;
      expect(await attack(JSON.stringify([head]))).toEqual({
        outcomes: { 200: 1 },
        served: expect.arrayContaining(['200']),
      });
    });

    it('thousands of near-misses, longer and longer, are all answered or closed, and a sibling is served meanwhile', async () => {
      const { outcomes, served } = await attack(`(${nearMisses})(${LENGTHS})`);
      const sum = Object.values(outcomes).reduce((all, one) => all + one, 0);
      expect(sum).toBeGreaterThan(2_000);
      // Two of each length end their tunnel with what they send behind CONNECT: its answer may not be out by then.
      const { nothing = 0, ...answered } = outcomes;
      expect(nothing).toBeLessThanOrEqual(2 * LENGTHS);
      expect(Object.keys(answered).filter((key) => !['200', '400', '403', '431'].includes(key))).toEqual([]);
      expect(new Set(served)).toEqual(new Set(['200']));
      expect((await serve.ask('/healthz')).body).toEqual({ status: 'ok' });
    });
  },
  200_000,
);

// Both run elsewhere: plain JavaScript, CommonJS.

/** Sends each message over a connection of its own, eight at a time, and counts the statuses of what is answered. */
const attackScript = `async (messages) => {
  const net = require('net');
  const { hostname, port } = new URL(process.env.http_proxy);
  const outcomes = {};
  const send = (message) => new Promise((resolve) => {
    const socket = net.connect({ host: hostname, port });
    let answer = '';
    socket.on('data', (data) => { answer += data.toString('latin1'); if (answer.includes('\\r\\n\\r\\n')) socket.end(); });
    socket.on('error', () => {});
    socket.on('close', () => resolve(/^HTTP\\/1\\.1 (\\d+)/.exec(answer)?.[1] ?? 'nothing'));
    socket.write(Buffer.from(message, 'latin1'));
  });
  const left = messages.values();
  await Promise.all(Array.from({ length: 8 }, async () => {
    for (const message of left) {
      const outcome = await send(message);
      outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
    }
  }));
  console.log(JSON.stringify(outcomes));
}`;

const nearMisses = `(lengths) => {
  const all = [];
  const ends = ['a_b: c', 'a: \\xe4', 'a: \\t', 'a', 'a : b', ': b', 'a:\\0', 'a.b: c', 'Content-Length: x', ' a: b'];
  const lines = ['a: b', 'a:b', 'a:  b', 'a:'];
  const targets = ['example.com:443', 'example.com.:443', 'example.com:0443', 'EXAMPLE.com:443 '];
  for (let n = 1; n <= lengths; n++) {
    for (const end of ends) {
      const line = lines[n % lines.length];
      for (const target of targets) {
        all.push('CONNECT ' + target + ' HTTP/1.1\\r\\n' + (line + '\\r\\n').repeat(n) + end + '\\r\\n\\r\\n');
      }
      all.push('GET http://' + 'a-.'.repeat(n) + 'example.com/ HTTP/1.1\\r\\nHost: x\\r\\n' + end + '\\r\\n\\r\\n');
    }
    // ClientHellos in records of one byte, and a request line that does not end as one.
    const record = '\\x16\\x03\\x01\\x00\\x01';
    for (const behind of [record + '\\x01' + (record + '\\0').repeat(n) + '\\xff', 'GET /' + 'a '.repeat(n) + '\\r\\n\\r\\n']) {
      all.push('CONNECT example.com:443 HTTP/1.1\\r\\n\\r\\n' + behind);
    }
  }
  return all;
}`;
