import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { Cleanup } from '../support/cleanup.js';
import { describeE2e, docker, JOB_IMAGE, run } from '../support/e2e.js';
import { startGate } from '../support/gate.js';
import { pidListeningOn } from '../support/listener.js';
import { placement } from '../support/placement.js';
import { type Serve, startServe } from '../support/serve.js';
import { openServed, type ServedView, startBehind } from '../support/served-job.js';
import { type Stage, startStage } from '../support/stage.js';

const [STAYS, GOES] = ['stays.example.com', 'goes.example.com'];
/** Tunnels that are cut, one after the other; of the claim it is a thousand. */
const ROUNDS = Number(process.env.JOBGATE_TEST_CHANGES ?? 100);

describeE2e('a policy that changes while its job runs', () => {
  const suite = new Cleanup();
  let cleanup: Cleanup;
  let stage: Stage;
  let serve: Serve;
  let state: string;
  beforeAll(async () => {
    stage = suite.use(
      await startStage({ [STAYS]: {}, [GOES]: { at: STAYS }, 'new.example.com': { at: STAYS } }),
    );
  });
  afterAll(() => suite[Symbol.asyncDispose]());
  beforeEach(async () => {
    cleanup = new Cleanup();
    state = mkdtempSync(join(tmpdir(), 'jobgate-state-'));
    cleanup.add(() => rmSync(state, { recursive: true }));
    serve = cleanup.use(
      await startServe(['--dns', stage.net.dns, '--rate', '40mbit', '--state-directory', state]),
    );
  });
  afterEach(() => cleanup[Symbol.asyncDispose]());

  function openGateway(rate = '10mbit'): Promise<ServedView> {
    const jobId = `change-${randomBytes(4).toString('hex')}`;
    const body = { jobId, network: { Domains: [STAYS, GOES] }, rate };
    return openServed(cleanup, serve, body);
  }

  const startContainer = (view: ServedView) => startBehind(cleanup, view);

  const patch = (id: string, body: object, ifMatch = '*') =>
    serve.ask(`/v1/gateways/${id}`, { method: 'PATCH', body, headers: { 'if-match': ifMatch } });

  const status = async (container: string, host: string, ...more: string[]) => {
    const args = [
      'curl',
      '-sS',
      '-m',
      '10',
      '-o',
      '/dev/null',
      '-w',
      '%{http_code}',
      ...more,
      `http://${host}/`,
    ];
    return (await run('docker', ['exec', container, ...args])).stdout;
  };

  it(`cuts a tunnel before it is answered, ${ROUNDS} times under load, and nothing else`, {
    timeout: 600_000,
  }, async () => {
    const view = await openGateway('40mbit');
    const container = await startContainer(view);
    const job = await Tunnels.start(container, view.proxy.url, cleanup);
    for (let i = 0; i < 4; i++) await job.open(STAYS);
    const kept = job.ports();
    let etag = '*';
    const took: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const port = await job.open(GOES);
      expect(job.states([port])).toEqual([ESTABLISHED]);
      const began = performance.now();
      const answer = await patch(view.id, { deny: [GOES] }, etag);
      // Nothing runs in between: what the kernel says of the job's end of it.
      const found = job.states([port]);
      took.push(performance.now() - began);
      expect({ round, found: found.filter((one) => one === ESTABLISHED), cut: answer.body.cut }).toEqual({
        ...{ round, found: [], cut: 1 },
      });
      const back = await patch(view.id, { allow: [GOES] }, answer.headers.etag);
      expect(back.status).toBe(200);
      etag = back.headers.etag ?? '';
    }
    const before = job.bytes;
    await vi.waitFor(() => expect(job.bytes).toBeGreaterThan(before));
    expect(job.states(kept)).toEqual(kept.map(() => ESTABLISHED));
    await vi.waitFor(() => expect(job.ended).toBe(ROUNDS));
    took.sort((a, b) => a - b);
    const at = (share: number) => took[Math.floor((took.length - 1) * share)]?.toFixed(1);
    process.stderr.write(
      `${ROUNDS} changes, ${placement}: ms ${at(0.5)} (median) ${at(0.99)} (99 %) ${at(1)} (most)\n`,
    );
  });

  it('holds in the worker that takes the place of one that was killed directly after', async () => {
    const view = await openGateway();
    const container = await startContainer(view);
    expect(await status(container, GOES)).toBe('200');
    const { hostname, port } = new URL(view.proxy.url);
    const gateway =
      placement === 'container' &&
      Object.entries(JSON.parse(await docker('network', 'inspect', view.network.name))[0].Containers).find(
        ([, one]) => (one as { IPv4Address: string }).IPv4Address.startsWith(`${hostname}/`),
      )?.[0];
    expect((await patch(view.id, { domains: [STAYS] })).status).toBe(200);
    if (gateway) await docker('kill', gateway);
    else process.kill(pidListeningOn(Number(port), hostname), 'SIGKILL');
    await expect.poll(() => status(container, STAYS), { interval: 50, timeout: 60_000 }).toBe('200');
    expect(await status(container, GOES)).toBe('403');
  });

  it('holds after a serve that was killed directly after, and goes with its gateway', async () => {
    const view = await openGateway();
    const container = await startContainer(view);
    const changed = await patch(view.id, { allow: ['new.example.com'], deny: [GOES], rate: '5mbit' });
    await serve.kill();
    expect(await status(container, STAYS)).toBe('000');
    await serve.start();
    expect([
      await status(container, STAYS),
      await status(container, GOES),
      await status(container, 'new.example.com'),
    ]).toEqual(['200', '403', '200']);
    const { headers, body } = await serve.ask(`/v1/gateways/${view.id}`);
    expect(headers.etag).toBe(changed.headers.etag);
    expect(body).toMatchObject({ rate: 5_000_000, denied: [GOES], reopened: true });
    // And what is taken back then.
    await patch(view.id, { domains: [GOES], denied: [] });
    await serve.stop();
    await serve.start();
    expect([await status(container, STAYS), await status(container, GOES)]).toEqual(['403', '200']);
    expect(readdirSync(join(state, 'policies'))).toHaveLength(1);
    await serve.ask(`/v1/gateways/${view.id}`, { method: 'DELETE' });
    expect(readdirSync(join(state, 'policies'))).toEqual([]);
  });

  it('holds for programs that know of no proxy', async () => {
    const view = await openGateway();
    const container = await startContainer(view);
    const directly = (host: string) => status(container, host, '--noproxy', '*');
    expect([await directly(GOES), await directly('new.example.com')]).toEqual(['200', '000']);
    await patch(view.id, { domains: [STAYS, 'new.example.com'] });
    expect([await directly(STAYS), await directly(GOES), await directly('new.example.com')]).toEqual([
      '200',
      '000',
      '200',
    ]);
  });

  it('is one of a job that serve runs, as well', async () => {
    const id = `change-${randomBytes(4).toString('hex')}`;
    const curl = `curl -sS -o /dev/null -w '%{http_code} ' http://${GOES}/`;
    const script = `until [ "$(${curl})" = '403 ' ]; do sleep 0.1; done; echo refused`;
    const Engine = {
      Type: 'docker',
      Params: { Image: JOB_IMAGE, Entrypoint: ['bash'], Parameters: ['-c', script] },
    };
    const Network = { Type: 'HTTP', Domains: [STAYS, GOES] };
    expect(
      (await serve.ask('/v1/jobs', { body: { ID: id, Tasks: [{ Name: 'main', Engine, Network }] } })).status,
    ).toBe(202);
    const gateway = await vi.waitFor(async () => {
      const [one] = (await serve.ask('/v1/gateways')).body.gateways;
      expect(one).toMatchObject({ jobId: id, ofJob: true });
      return one;
    });
    expect((await patch(gateway.id, { deny: [GOES] })).status).toBe(200);
    await vi.waitFor(async () =>
      expect((await serve.ask(`/v1/jobs/${id}`)).body).toMatchObject({
        state: 'ended',
        result: { exitCode: 0 },
      }),
    );
    expect((await serve.ask(`/v1/jobs/${id}/logs`)).body).toContain('refused');
  });

  it("is one of the gate's clients, as well", async () => {
    const gate = cleanup.use(await startGate('--dns', stage.net.dns, '--state-directory', state));
    const name = `jobgate-test-${randomBytes(4).toString('hex')}`.replace('jobgate-', '');
    const label = `jobgate.domains=${STAYS},${GOES}`;
    await gate.docker('run', '-d', '--name', name, '--label', label, JOB_IMAGE, 'sleep', '600');
    const [gateway] = (await gate.serve.ask('/v1/gateways')).body.gateways;
    const change = (body: object) =>
      gate.serve.ask(`/v1/gateways/${gateway.id}`, { method: 'PATCH', body, headers: { 'if-match': '*' } });
    expect(await status(name, GOES)).toBe('200');
    expect((await change({ deny: [GOES] })).body).toMatchObject({ denied: [GOES], kept: true });
    expect([await status(name, STAYS), await status(name, GOES)]).toEqual(['200', '403']);
    await gate.serve.kill();
    await gate.serve.start();
    expect([await status(name, STAYS), await status(name, GOES)]).toEqual(['200', '403']);
    expect((await change({ allow: [GOES] })).status).toBe(200);
    expect(await status(name, GOES)).toBe('200');
    await gate.docker('rm', '-f', name);
    await vi.waitFor(() => expect(readdirSync(join(state, 'policies'))).toEqual([]));
  });
});

const ESTABLISHED = '01';

/** A program in a job's container that opens tunnels and downloads through them without end. */
class Tunnels {
  bytes = 0;
  /** Tunnels that have ended; ports come round again. */
  ended = 0;
  readonly #child: ChildProcess;
  readonly #net: string;
  readonly #open = new Set<number>();
  #opened: (port: number) => void = () => {};

  static async start(container: string, proxy: string, cleanup: Cleanup): Promise<Tunnels> {
    const pid = await docker('inspect', '-f', '{{.State.Pid}}', container);
    const child = spawn('docker', ['exec', '-i', container, 'node', '-e', PROGRAM, proxy], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    cleanup.add(() => void child.kill('SIGKILL'));
    return new Tunnels(child, `/proc/${pid}/net/tcp`);
  }

  private constructor(child: ChildProcess, net: string) {
    this.#child = child;
    this.#net = net;
    if (!child.stdout) throw new Error('no stdout');
    createInterface({ input: child.stdout }).on('line', (line) => {
      const [what, text] = line.split(' ');
      const number = Number(text);
      if (what === 'bytes') this.bytes = number;
      else if (what === 'ended') this.ended++;
      else this.#opened(number);
    });
  }

  /** @returns the job's port of a tunnel through which something came. */
  async open(host: string): Promise<number> {
    const opened = new Promise<number>((resolve) => {
      this.#opened = resolve;
    });
    this.#child.stdin?.write(`${host}\n`);
    const port = await opened;
    this.#open.add(port);
    return port;
  }

  ports(): number[] {
    return [...this.#open];
  }

  /** As the kernel has them in the job's network namespace; undefined for one that is gone. */
  states(ports: readonly number[]): (string | undefined)[] {
    const rows = readFileSync(this.#net, 'utf8').split('\n').slice(1);
    const states = new Map(
      rows.map((row) => {
        const [, local = '', , state] = row.trim().split(/\s+/);
        return [Number.parseInt(local.split(':')[1] ?? '', 16), state];
      }),
    );
    return ports.map((port) => states.get(port));
  }
}

// Runs in the container: plain JavaScript, CommonJS.
const PROGRAM = `
  const { request } = require('node:http');
  const { connect } = require('node:tls');
  const { hostname, port } = new URL(process.argv[1]);
  let bytes = 0;
  setInterval(() => console.log('bytes', bytes), 100);
  require('node:readline').createInterface({ input: process.stdin }).on('line', (host) => {
    const asked = request({ hostname, port, method: 'CONNECT', path: host + ':443', agent: false });
    asked.on('connect', (response, socket) => {
      const { localPort } = socket;
      const tls = connect({ socket, servername: host, rejectUnauthorized: false });
      tls.write('GET /bytes/1000000000000 HTTP/1.1\\r\\nHost: ' + host + '\\r\\n\\r\\n');
      tls.once('data', () => console.log('open', localPort));
      tls.on('data', (chunk) => { bytes += chunk.length; });
      tls.on('error', () => {});
      socket.on('error', () => {}).on('close', () => console.log('ended', localPort));
    });
    asked.end();
  });
`;
