import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { Cleanup } from '../support/cleanup.js';
import { docker, JOB_IMAGE, run } from '../support/e2e.js';
import { buildGatewayImage, buildJobImage } from '../support/engine.js';
import { GREETER } from '../support/host-services.js';
import { type Internet, type OriginEvent, startInternet } from '../support/internet.js';
import { EngineProcess } from './engine-process.js';
import { Job, type Slot, type Target } from './job.js';
import { waitFor } from './now.js';
import { ServeProcess } from './serve-process.js';
import { startTraps, type Traps } from './traps.js';

export const FORBIDDEN = 'forbidden.example.net';
export const SHARED = 'shared.example.com';
const CONTROL = 'chaos-control';
/** Of the tmpfs for the state of serve: little, and soon full. */
const STATE_BYTES = 1_000_000;
const READY_MS = 120_000;

export interface WorldOptions {
  readonly onOrigin: (event: OriginEvent) => void;
  readonly onTrap: (what: string) => void;
}

/** All that there is: an engine, a small internet, serves, jobs, and what no job may reach. */
export class World implements AsyncDisposable {
  readonly #cleanup = new Cleanup();
  readonly jobs = new Map<string, Job>();
  readonly #generations = new Map<string, number>();
  #beginning: Promise<unknown> = Promise.resolve();
  #isBegun = false;

  private constructor(
    readonly folder: string,
    readonly engine: EngineProcess,
    readonly net: Internet,
    readonly traps: Traps,
    /** Of the control's container, on all addresses of the host. */
    readonly publishedPort: number,
    readonly serve: ServeProcess,
    readonly slots: readonly Slot[],
  ) {}

  static async open({ onOrigin, onTrap }: WorldOptions): Promise<World> {
    buildJobImage(['node']);
    buildGatewayImage();
    const cleanup = new Cleanup();
    try {
      const folder = mkdtempSync(join(tmpdir(), 'jobgate-chaos-'));
      cleanup.add(() => rmSync(folder, { recursive: true, force: true }));
      const names = ['h1', 'h2', 'g1', 'c1', 'c2'];
      const services = { 80: 'http', 443: 'https', 9000: 'banner', 53: 'udp' } as const;
      const hosts = Object.fromEntries(
        names.flatMap((name) => [
          [`${name}.example.com`, {}],
          [`extra-${name}.example.com`, {}],
        ]),
      );
      const net = cleanup.use(
        await startInternet({
          hosts: { ...hosts, [SHARED]: {}, [FORBIDDEN]: { services } },
          onEvent: onOrigin,
        }),
      );
      const traps = cleanup.use(await startTraps(onTrap));
      const greeter = ['--restart', 'always', '-p', '8080', JOB_IMAGE, 'node', '-e', GREETER];
      await docker('run', '-d', '--name', CONTROL, ...greeter);
      cleanup.add(() => docker('rm', '-f', CONTROL));
      const published = Number((await docker('port', CONTROL, '8080')).split('\n')[0]?.split(':').at(-1));
      mkdirSync(`${folder}/jobs`);
      const options = ['--dns', net.dns, '--drain-time', '2s', '--allowed-mount', `${folder}/jobs:rw`];
      const serve = new ServeProcess(folder, options);
      cleanup.add(() => serve.cgroup.remove());
      await must('mount', '-t', 'tmpfs', '-o', `size=${STATE_BYTES},mode=0700`, 'tmpfs', serve.state);
      cleanup.add(() => run('umount', [serve.state]));
      cleanup.add(() => serve.stop());
      serve.start();
      await waitFor(() => serve.isReady(), READY_MS);
      const slot = (name: string, more: Pick<Slot, 'placement' | 'rate' | 'via'> & Partial<Slot>): Slot => ({
        ...{ name, serve, own: `${name}.example.com`, extra: `extra-${name}.example.com`, shared: SHARED },
        ...more,
      });
      const slots = [
        slot('c1', { placement: 'container', via: 'api', rate: 3_000_000 }),
        slot('c2', { placement: 'container', via: 'api', rate: 2_000_000, budget: 8_000_000 }),
        slot('h1', { placement: 'host', via: 'api', rate: 2_000_000 }),
        slot('h2', { placement: 'host', via: 'api', rate: 4_000_000, budget: 12_000_000 }),
        slot('g1', { placement: 'host', via: 'gate', rate: 1_000_000 }),
      ];
      const engine = new EngineProcess(process.env.JOBGATE_ENGINE_RUN ?? '');
      const world = new World(folder, engine, net, traps, published, serve, slots);
      for (const one of slots) await world.begin(one);
      world.#isBegun = true;
      world.#cleanup.use(cleanup);
      return world;
    } catch (error) {
      await cleanup[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** A new job in a slot, one at a time. @throws where it cannot be begun: it stays there, not started */
  begin(slot: Slot): Promise<Job> {
    const begun = this.#beginning.then(() => this.#begin(slot));
    this.#beginning = begun.catch(() => {});
    return begun;
  }

  async #begin(slot: Slot): Promise<Job> {
    const generation = (this.#generations.get(slot.name) ?? 0) + 1;
    this.#generations.set(slot.name, generation);
    const job = new Job(slot, generation, this.folder);
    this.jobs.set(slot.name, job);
    const { serve } = this;
    if (serve.placement !== slot.placement) await serve.placeAt(slot.placement, READY_MS);
    try {
      await job.start();
    } finally {
      if (serve.placement !== 'host' && this.#isBegun) await serve.placeAt('host', READY_MS);
    }
    this.plan();
    return job;
  }

  /** Tells all jobs what there is to try by now. */
  plan(): void {
    for (const job of this.jobs.values()) job.plan(this.#targets(job));
  }

  #targets(job: Job): Target[] {
    const { tcp, udp } = this.traps;
    const host = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
    const addresses = [
      ...new Set(host.filter(({ family }) => family === 'IPv4').map(({ address }) => address)),
    ];
    const others = [...this.jobs.values()].filter((one) => one !== job);
    const [near = ''] = this.net.dns.split(':');
    const out = this.net.addresses[FORBIDDEN] ?? '';
    const own = this.net.addresses[job.slot.own] ?? '';
    const to = (by: string, at: string, ...ports: number[]) => ports.map((port) => ({ by, host: at, port }));
    return [
      ...to('tcp', out, 80, 443, 9000),
      ...to('udp', out, 53),
      ...to('tcp', own, 80),
      ...['127.0.0.1', near, '172.17.0.1', ...addresses.slice(0, 12)].flatMap((at) =>
        at === '127.0.0.1' ? [] : [...to('tcp', at, tcp, this.publishedPort), ...to('udp', at, udp)],
      ),
      ...others.flatMap(({ address, proxy }) => [...to('tcp', address, 8080), ...to('tcp', proxy, 13128)]),
      ...[FORBIDDEN, out].flatMap((at) => [
        ...to('connect', at, 443),
        ...to('get', at, 80),
        ...to('name', at, 80),
      ]),
      ...[near, '127.0.0.1'].flatMap((at) => [...to('connect', at, tcp), ...to('get', at, tcp)]),
      ...others.flatMap(({ slot }) => [...to('get', slot.own, 80), ...to('connect', slot.own, 443)]),
      ...to('tcp', '169.254.169.254', 80),
      ...to('lookup', `leak-${job.id}.example.org`, 53),
    ].filter(({ host: at }) => at !== '');
  }

  /** From an ordinary container: all that jobs must not reach, can be reached. @returns what could not. */
  async control(): Promise<string[]> {
    const { traps, net } = this;
    const [near = ''] = net.dns.split(':');
    const before = { ...traps.controls };
    const script = `
      const net = require('net'), dgram = require('dgram');
      net.connect(${traps.tcp}, '${near}').on('error', () => {}).end('${traps.token}');
      const udp = dgram.createSocket('udp4');
      udp.send('${traps.token}', ${traps.udp}, '${near}');
      const http = net.connect(80, '${net.addresses[FORBIDDEN]}').on('error', () => {});
      http.end('GET /control HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n');
      http.on('data', (data) => done(String(data).split('\\r')[0]));
      net.connect(${this.publishedPort}, '${near}').on('error', () => {}).on('data', (data) => done(String(data)));
      const seen = new Set();
      const done = (said) => {
        console.log(said);
        if (seen.add(said.slice(0, 4)).has('HTTP') && seen.has('hell')) setTimeout(() => process.exit(), 500);
      };
      setTimeout(() => process.exit(), 8000);`;
    const { stdout } = await run('docker', ['exec', CONTROL, 'node', '-e', script], { timeoutMs: 30_000 });
    return [
      ...(traps.controls.tcp > before.tcp ? [] : ['TCP of the host']),
      ...(traps.controls.udp > before.udp ? [] : ['UDP of the host']),
      ...(stdout.includes('200 OK') ? [] : [FORBIDDEN]),
      ...(stdout.includes('hello') ? [] : ['a published port']),
    ];
  }

  /** The processes of proxies that have containers of their own. */
  async proxyContainers(): Promise<number[]> {
    const listed = await run('docker', ['ps', '-q', '--filter', 'name=jobgate-'], { timeoutMs: 10_000 });
    const ids = listed.stdout.split('\n').filter(Boolean);
    if (ids.length === 0) return [];
    const { stdout } = await run('docker', ['inspect', '-f', '{{.State.Pid}}', ...ids], {
      timeoutMs: 10_000,
    });
    return stdout
      .split('\n')
      .map(Number)
      .filter((pid) => pid > 1);
  }

  async endJobs(): Promise<void> {
    for (const job of this.jobs.values()) await job.end();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#cleanup[Symbol.asyncDispose]();
  }
}

async function must(file: string, ...args: string[]): Promise<void> {
  const ran = await run(file, args);
  if (ran.code !== 0) throw new Error(`${file} ${args.join(' ')}: ${ran.stderr.trim()}`);
}
