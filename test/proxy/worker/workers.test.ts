import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { connect, type Socket } from 'node:net';
import { setPriority, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import type { EgressProxy } from '../../../proxy/egress-proxy.js';
import { DEFAULT_OPERATOR_POLICY, type OperatorPolicy } from '../../../proxy/policy/policy.js';
import type { ProxyEvent } from '../../../proxy/report/events.js';
import { Workers } from '../../../proxy/worker/workers.js';
import { Cleanup } from '../../support/cleanup.js';
import { pidListeningOn } from '../../support/listener.js';
import { type Origin, startTcpOrigin } from '../../support/origin.js';
import { LOOPBACK } from '../../support/proxy.js';

const LOOPING = fileURLToPath(new URL('../../support/looping-worker.mjs', import.meta.url));

let cleanup = new Cleanup();
afterEach(async () => {
  await cleanup[Symbol.asyncDispose]();
  cleanup = new Cleanup();
});

const operator = {
  ...DEFAULT_OPERATOR_POLICY,
  allowAddresses: LOOPBACK,
  addHosts: [['allowed.test', '127.0.0.1']] as const,
  dns: '127.0.0.1:1',
  checkTunnels: false,
};

interface Opened {
  readonly proxy: EgressProxy;
  readonly port: number;
  readonly events: ProxyEvent[];
  readonly failures: string[];
}

async function open(
  workers: Workers,
  job: string,
  allow = ['allowed.test'],
  by: OperatorPolicy = operator,
): Promise<Opened> {
  const events: ProxyEvent[] = [];
  const failures: string[] = [];
  const proxy = cleanup.use(
    workers.createProxy(
      { job: { job, allow, rate: null }, operator: by },
      { onEvent: (event) => events.push(event), onFailed: ({ message }) => failures.push(message) },
    ),
  );
  const { port } = await proxy.listen({ host: '127.0.0.1', port: 0, clients: LOOPBACK });
  return { proxy, port, events, failures };
}

/** Status of a request for a name, by way of a proxy; a code where there was no answer. */
const ask = (port: number, url = 'http://denied.test/') =>
  new Promise<number | string>((resolve) => {
    get({ host: '127.0.0.1', port, path: url, agent: false, timeout: 5_000 }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    })
      .on('timeout', () => resolve('timeout'))
      .on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  });

const answersAgain = ({ port }: Opened) =>
  expect.poll(() => ask(port), { interval: 50, timeout: 60_000 }).toBe(403);

/** The process in which a proxy is. */
const workerOf = ({ port }: Opened): number => pidListeningOn(port);

/** An open tunnel to an origin that sends back what it gets. */
async function tunnel(job: Opened, origin: Origin, host = 'allowed.test'): Promise<Socket> {
  const socket = connect(job.port, '127.0.0.1');
  cleanup.add(() => socket.destroy());
  socket.on('error', () => {});
  const authority = `${host}:${origin.port}`;
  socket.write(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n\r\n`);
  expect(await said(socket)).toMatch(/^HTTP\/1\.1 200 /);
  return socket;
}

const said = (socket: Socket) =>
  new Promise<string>((resolve) => {
    socket.once('data', (data) => resolve(String(data)));
    socket.once('close', () => resolve('closed'));
  });

async function echoed(socket: Socket): Promise<string> {
  const answer = said(socket);
  socket.write('ping');
  return answer;
}

const echo = async () => cleanup.use(await startTcpOrigin((socket) => socket.pipe(socket)));

describe('workers', () => {
  it('are shared evenly, no more than are asked for, and their proxies decide, tell and count as here', async () => {
    const workers = new Workers({ count: 2 });
    const origin = await echo();
    const jobs: Opened[] = [];
    for (const job of ['a', 'b', 'c', 'd'])
      jobs.push(await open(workers, job, [`allowed.test:${origin.port}`]));
    const pids = jobs.map(workerOf);
    expect(new Set(pids).size).toBe(2);
    expect(pids.filter((pid) => pid === pids[0])).toHaveLength(2);
    const { processes } = workers.figures();
    expect(processes).toEqual([...new Set(pids)].map((pid) => ({ pid, proxies: 2 })));
    const [job] = jobs as [Opened];
    expect(await ask(job.port)).toBe(403);
    expect(await echoed(await tunnel(job, origin))).toBe('ping');
    await expect.poll(() => job.proxy.figures()).toMatchObject({ allowed: 1, denied: 1, tunnels: 1 });
    expect(job.events.map((event) => event.type === 'decision' && event.reason)).toEqual([
      'domain-not-allowed',
      'allowed',
    ]);
    // Who may use it, and what is denied, changes while it is open.
    job.proxy.setDenied(['allowed.test']);
    const refused = `http://allowed.test:${origin.port}/`;
    await expect.poll(() => ask(job.port, refused)).toBe(403);
    job.proxy.setClients(['192.0.2.0/24']);
    await ask(job.port);
    await expect.poll(() => job.events.at(-1)).toMatchObject({ reason: 'client-not-allowed' });
    expect(() => job.proxy.setClients(['nonsense'])).toThrow('range of clients "nonsense"');
    await job.proxy.close();
    expect(await ask(job.port)).toBe('ECONNREFUSED');
    expect(await ask(jobs[1]?.port ?? 0)).toBe(403);
  });

  it("do not let a job reach another worker's listener, whatever the operator excepts", async () => {
    const workers = new Workers({ count: 2 });
    const other = await open(workers, 'other');
    const origin = await echo();
    const allow = [`allowed.test:${other.port}`, `allowed.test:${origin.port}`];
    const job = await open(workers, 'job', allow);
    expect(workerOf(job)).not.toBe(workerOf(other));
    expect(await ask(job.port, `http://allowed.test:${other.port}/`)).toBe(403);
    await expect.poll(() => job.events.at(-1)).toMatchObject({ reason: 'proxy-loop' });
    expect(await echoed(await tunnel(job, origin))).toBe('ping');
  });

  it.skipIf(process.getuid?.() !== 0)('have no privilege by the word of the kernel', async () => {
    const workers = new Workers();
    const pid = workerOf(await open(workers, 'a'));
    const status = Object.fromEntries(
      readFileSync(`/proc/${pid}/status`, 'utf8')
        .split('\n')
        .map((line) => line.split(/:\s*/) as [string, string]),
    );
    const nothing = '0000000000000000';
    expect(status).toMatchObject({
      ...{ Uid: '10213\t10213\t10213\t10213', Gid: '10213\t10213\t10213\t10213', Groups: '' },
      ...{ CapInh: nothing, CapPrm: nothing, CapEff: nothing, CapAmb: nothing, NoNewPrivs: '1' },
    });
    expect(readFileSync(`/proc/${pid}/environ`, 'utf8')).toBe('UV_THREADPOOL_SIZE=24\0');
  });

  it('say why a proxy cannot listen, with the code of the system', async () => {
    const workers = new Workers();
    const job = await open(workers, 'a');
    const second = workers.createProxy({ job: { job: 'b', allow: ['a.test'], rate: null }, operator });
    const listening = second.listen({ host: '127.0.0.1', port: job.port, clients: [] });
    await expect(listening).rejects.toMatchObject({ code: 'EADDRINUSE' });
    await second.close();
    expect(await ask(job.port)).toBe(403);
  });

  /** Workers that say this, and what they do then. */
  function saying(text: string, then = ''): Workers {
    const main = join(mkdtempSync(join(tmpdir(), 'jobgate-worker-')), 'main.mjs');
    cleanup.add(() => rmSync(join(main, '..'), { recursive: true }));
    writeFileSync(main, `process.stdout.write(${JSON.stringify(text)}); ${then}`);
    return new Workers({ main });
  }

  it('that cannot become nobody are not had at all, and say what is missing', async () => {
    const workers = saying('{"is":"broken","message":"it lacks this and that"}\n');
    await expect(open(workers, 'a')).rejects.toThrow('no worker can be had: it lacks this and that');
    expect(workers.figures()).toMatchObject({ running: 0, deaths: 0 });
  });

  it('that say what no worker has to say are ended', async () => {
    const workers = saying(
      '{"is":"beat"}\n{"is":"event","id":1,"event":{"reason":"mine"}}\n',
      'process.stdin.resume()',
    );
    await expect(open(workers, 'a')).rejects.toThrow('it said what nobody understands');
    expect(workers.figures().running).toBe(0);
  });
});

describe('a changed policy', () => {
  const url = (name: string, origin: Origin) => `http://${name}:${origin.port}/`;
  const both = ({ port }: Origin) => [`allowed.test:${port}`, `other.test:${port}`];

  function openBoth(workers: Workers, origin: Origin): Promise<Opened> {
    const addHosts = [...operator.addHosts, ['other.test', '127.0.0.1']] as const;
    return open(workers, 'job', both(origin), { ...operator, addHosts });
  }

  it('holds in the worker, and cuts there what it forbids, when it is said to', async () => {
    const workers = new Workers();
    const origin = await echo();
    const job = await openBoth(workers, origin);
    const [goes, stays] = [await tunnel(job, origin), await tunnel(job, origin, 'other.test')];
    const cut = said(goes);
    expect(await job.proxy.change({ allow: [`other.test:${origin.port}`] })).toEqual({ cut: 1 });
    expect(await cut).toBe('closed');
    expect(await echoed(stays)).toBe('ping');
    expect(await ask(job.port, url('allowed.test', origin))).toBe(403);
    await expect(job.proxy.change({ allow: ['*'] })).rejects.toThrow('"*" is not a valid entry');
    expect(await echoed(stays)).toBe('ping');
    expect(workers.figures().deaths).toBe(0);
  });

  it.each([
    ['killed directly after', 'SIGKILL', false],
    ['stopped before', 'SIGSTOP', true],
  ] as const)('holds also where the worker is %s', async (_, signal, before) => {
    const workers = new Workers();
    const origin = await echo();
    const job = await openBoth(workers, origin);
    const goes = await tunnel(job, origin);
    await expect.poll(() => job.proxy.figures().connections).toBe(1);
    const cut = said(goes);
    const worker = workerOf(job);
    if (before) process.kill(worker, signal);
    const changing = job.proxy.change({ allow: [`other.test:${origin.port}`] });
    if (before) expect(await Promise.race([changing, cut])).toBe('closed');
    expect(await changing).toEqual({ cut: 1 });
    if (!before) process.kill(worker, signal);
    expect(await cut).toBe('closed');
    await answersAgain(job);
    expect(workerOf(job)).not.toBe(worker);
    expect(await ask(job.port, url('allowed.test', origin))).toBe(403);
    expect(await echoed(await tunnel(job, origin, 'other.test'))).toBe('ping');
  });

  it('that comes while the gateway opens is the one that it opens with', async () => {
    const workers = new Workers();
    const origin = await echo();
    const proxy = cleanup.use(
      workers.createProxy({ job: { job: 'job', allow: both(origin), rate: null }, operator }),
    );
    const listening = proxy.listen({ host: '127.0.0.1', port: 0, clients: LOOPBACK });
    expect(await proxy.change({ allow: ['other.test'] })).toEqual({ cut: 0 });
    expect(await ask((await listening).port, url('allowed.test', origin))).toBe(403);
    await proxy.close();
    await expect(proxy.change({ allow: [] })).rejects.toThrow('the proxy is closed');
  });
});

describe('a worker that', () => {
  const faults = {
    'is killed': (pid: number) => process.kill(pid, 'SIGKILL'),
    'is told to end': (pid: number) => process.kill(pid, 'SIGTERM'),
    'is stopped': (pid: number) => process.kill(pid, 'SIGSTOP'),
    'loops for ever': (pid: number) => process.kill(pid, 'SIGUSR2'),
  };
  for (const [what, fault] of Object.entries(faults)) {
    it(`${what} costs its jobs their connections: address, policy and counts stay, and others notice nothing`, async () => {
      const workers = new Workers({ count: 2, main: LOOPING });
      const origin = await echo();
      const allow = [`allowed.test:${origin.port}`, 'late.test'];
      const [job, neighbour] = [await open(workers, 'job', allow), await open(workers, 'neighbour', allow)];
      const [theirs, before] = [await tunnel(neighbour, origin), workerOf(neighbour)];
      const lost = await tunnel(job, origin);
      job.proxy.setDenied(['late.test']);
      expect(await ask(job.port)).toBe(403);
      await expect.poll(() => job.proxy.figures().denied).toBe(1);
      const cut = said(lost);
      fault(workerOf(job));
      expect(await cut).toBe('closed');
      await answersAgain(job);
      expect(await ask(job.port, 'http://late.test/')).toBe(403);
      await expect.poll(() => job.events.at(-1)).toMatchObject({ reason: 'operator-denied' });
      expect(await echoed(await tunnel(job, origin))).toBe('ping');
      await expect.poll(() => job.proxy.figures()).toMatchObject({ allowed: 2, tunnels: 1 });
      expect(job.proxy.figures().denied).toBeGreaterThanOrEqual(3);
      expect(workerOf(neighbour)).toBe(before);
      expect(await echoed(theirs)).toBe('ping');
      expect(workers.figures().deaths).toBe(1);
      expect(neighbour.failures).toEqual([]);
    });
  }

  it.skipIf(process.getuid?.() !== 0)('waits for a processor is not stuck', async () => {
    const workers = new Workers();
    const job = await open(workers, 'job');
    const pid = workerOf(job);
    // All that one processor has goes to another process.
    const hog = spawn('taskset', ['-c', '0', process.execPath, '-e', 'for (;;);'], { detached: true });
    cleanup.add(() => hog.kill('SIGKILL'));
    for (const [of, nice] of [
      [hog.pid ?? 0, -20],
      [pid, 19],
    ] as const) {
      setPriority(of, nice);
      // Of a session, where the kernel shares processors between these.
      const session = `/proc/${of}/autogroup`;
      if (existsSync(session)) writeFileSync(session, `${nice}`);
    }
    execFileSync('taskset', ['-a', '-p', '-c', '0', `${pid}`]);
    // On a busy machine the other process needs a while to start.
    await expect.poll(() => ask(job.port)).toBe('timeout');
    hog.kill('SIGKILL');
    await answersAgain(job);
    expect(workerOf(job)).toBe(pid);
    expect(workers.figures().deaths).toBe(0);
  });

  it('dies twice leaves each of its jobs alone; a third time closes the gateway of the one that it had', async () => {
    const workers = new Workers({ count: 1 });
    const jobs: Opened[] = [];
    for (const job of ['a', 'b', 'c', 'd']) jobs.push(await open(workers, job));
    const [culprit] = jobs as [Opened];
    const die = async () => {
      process.kill(workerOf(culprit), 'SIGKILL');
      await expect.poll(() => ask(culprit.port), { interval: 20 }).toBe('ECONNREFUSED');
    };
    await die();
    for (const job of jobs) await answersAgain(job);
    const companions = jobs.filter((job) => workerOf(job) === workerOf(culprit));
    expect(companions).toHaveLength(2);
    await die();
    for (const job of jobs) await answersAgain(job);
    expect(jobs.filter((job) => workerOf(job) === workerOf(culprit))).toEqual([culprit]);
    await die();
    await expect.poll(() => culprit.failures).toHaveLength(1);
    expect(culprit.failures[0]).toMatch(
      /^its worker ended 3 times within ten minutes, at last because: by SIGKILL$/,
    );
    for (const job of jobs.slice(1)) expect(await ask(job.port)).toBe(403);
    expect(jobs.slice(1).flatMap(({ failures }) => failures)).toEqual([]);
    await culprit.proxy.close();
  });

  it('dies while a proxy is closed, or before it has opened one, keeps nobody waiting', async () => {
    const workers = new Workers();
    const job = await open(workers, 'a');
    const pid = workerOf(job);
    process.kill(pid, 'SIGSTOP');
    const closing = job.proxy.close();
    const opening = open(workers, 'b');
    process.kill(pid, 'SIGKILL');
    await closing;
    expect(await ask((await opening).port)).toBe(403);
  });
});
