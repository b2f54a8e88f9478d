import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import type { Gateway } from '../../docker/gateway/gateway.js';
import { toLabels } from '../../docker/gateway/labels.js';
import { removeNetwork } from '../../docker/gateway/network.js';
import { openOwner } from '../../docker/gateway/owner.js';
import { sweep } from '../../docker/gateway/sweep.js';
import { Cleanup } from '../support/cleanup.js';
import { describeE2e, docker, JOB_IMAGE } from '../support/e2e.js';
import { projectRoot } from '../support/engine.js';
import { type Engine, listen, openEngine, startPlain } from '../support/isolated-job.js';
import { placement } from '../support/placement.js';
import { probe, tcp } from '../support/probe.js';

interface Holder {
  readonly process: ChildProcess;
  readonly container: string;
  readonly network: Gateway['network'];
  readonly proxy: Gateway['proxy'];
  kill(): Promise<void>;
}

describeE2e('what a killed jobgate leaves', () => {
  let cleanup: Cleanup;
  let engine: Engine;

  beforeAll(async () => {
    engine = await openEngine();
  });
  beforeEach(() => {
    cleanup = new Cleanup();
  });
  afterEach(() => cleanup[Symbol.asyncDispose]());
  afterAll(() => sweep(engine.docker));

  /** Another process, with a gateway and a container of its own. */
  async function hold(kind: 'run' | 'serve', networking: 'http' | 'none' = 'http'): Promise<Holder> {
    const script = `${projectRoot}test/support/gateway-holder.ts`;
    const child = spawn(process.execPath, ['--import', 'tsx', script, kind, networking], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const exited = once(child, 'exit');
    const kill = async () => {
      child.kill('SIGKILL');
      await exited;
    };
    const [line] = (await Promise.race([
      once(createInterface(child.stdout), 'line'),
      exited.then(() => Promise.reject(new Error('the holder ended'))),
    ])) as [string];
    const held = JSON.parse(line);
    cleanup.add(async () => {
      await kill();
      await docker('rm', '-f', held.container).catch(() => {});
      if (held.network) await removeNetwork(engine.docker, held.network);
    });
    return { process: child, kill, ...held };
  }

  const names = async () =>
    `${await docker('ps', '-a', '--format', '{{.Names}}')}\n${await docker('network', 'ls', '--format', '{{.Name}}')}`.split(
      '\n',
    );

  it('is a container and a network, which the next sweep removes, while a live sibling goes on', async () => {
    const [dead, live] = await Promise.all([hold('run'), hold('run')]);
    await dead.kill();
    expect(await names()).toEqual(expect.arrayContaining([dead.container, dead.network.name]));
    const swept = await sweep(engine.docker);
    expect(swept.networks).toBeGreaterThanOrEqual(1);
    const left = await names();
    expect(left).not.toContain(dead.container);
    expect(left).not.toContain(dead.network.name);
    expect(left).toEqual(expect.arrayContaining([live.container, live.network.name]));
    expect((await probe(live.container, [tcp(live.proxy.host, live.proxy.port)]))[0]?.result).toBe('open');
  });

  it('has no network that works, also when another program takes the port', async () => {
    const held = await hold('run');
    const target = [tcp(held.proxy.host, held.proxy.port)];
    expect((await probe(held.container, target))[0]?.result).toBe('open');
    await held.kill();
    const reached = async () => (await probe(held.container, target, 500))[0]?.result;
    // An address in a container was never the host's.
    for (const host of placement === 'host' ? ['0.0.0.0', held.proxy.host] : ['0.0.0.0']) {
      await using taken = new Cleanup();
      await listen(taken, host, held.proxy.port);
      expect(await reached()).not.toBe('open');
    }
  });

  it('may be a container without a network of ours, which the next sweep removes', async () => {
    const [dead, live] = await Promise.all([hold('run', 'none'), hold('run', 'none')]);
    await dead.kill();
    await sweep(engine.docker);
    const left = await names();
    expect(left).not.toContain(dead.container);
    expect(left).toContain(live.container);
  });

  it('may be a container that was created and never started', async () => {
    const held = await hold('run');
    const created = `jobgate-test-${held.network.name}`;
    await docker('create', '--name', created, '--network', held.network.name, JOB_IMAGE, 'true');
    cleanup.add(() => docker('rm', '-f', created).catch(() => {}));
    await held.kill();
    await sweep(engine.docker);
    expect(await names()).not.toContain(created);
  });

  it('stays where it was a serve: its job gets its gateway back', async () => {
    const held = await hold('serve');
    await held.kill();
    const shown: string[] = [];
    await sweep(engine.docker, { onServeNetwork: ({ name }) => void shown.push(name) });
    expect(shown).toContain(held.network.name);
    expect(await names()).toEqual(expect.arrayContaining([held.container, held.network.name]));
  });

  it('is not what an image says with labels that imitate ours', async () => {
    const dead = await openOwner('run');
    await dead.close();
    const labels = toLabels({
      owner: dead.ref,
      kind: 'run',
      job: 'forged',
      allow: [],
      rate: null,
      port: 13128,
      created: new Date(),
    });
    const flags = Object.entries(labels).flatMap(([key, value]) => ['--label', `${key}=${value}`]);
    const forged = await startPlain(cleanup, ...flags, JOB_IMAGE, 'sleep', '60');
    await sweep(engine.docker);
    expect(await names()).toContain(forged);
  });

  it('is swept by many at the same time', async () => {
    const held = await Promise.all([hold('run'), hold('run', 'none')]);
    await Promise.all(held.map(({ kill }) => kill()));
    await Promise.all(Array.from({ length: 4 }, () => sweep(engine.docker)));
    const left = await names();
    for (const { container } of held) expect(left).not.toContain(container);
  });
});
