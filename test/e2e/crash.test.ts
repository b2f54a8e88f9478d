import { once } from 'node:events';
import { createServer } from 'node:http';
import Dockerode from 'dockerode';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { contains } from '../../docker/gateway/subnet-pool.js';
import { type Cli, cli, JOB_IMAGE, runJob, startCli } from '../support/cli.js';
import { describeE2e } from '../support/e2e.js';
import { placement } from '../support/placement.js';
import { type Stage, startStage } from '../support/stage.js';

// Of these tests: others may use the same engine.
const ID = `crash-${process.pid}`;
const MARK = `left-by-${ID}`;
const ours = { filters: { label: [`io.jobgate.job=${ID}`] } };

describeE2e('kill -9 of jobgate run', () => {
  const docker = () => new Dockerode();
  let stage: Stage;
  beforeAll(async () => {
    stage = await startStage({ 'example.com': {} });
  });
  afterAll(() => stage[Symbol.asyncDispose]());

  // A job that says where its proxy is, and stays.
  const start = () =>
    startCli([
      ...['run', '--pull', 'never', '--job-id', ID, ...stage.options, '--domain', 'example.com'],
      ...[JOB_IMAGE, 'bash', '-c', 'echo "up $http_proxy"; sleep 600 & wait'],
    ]);

  async function proxyOf(run: Cli): Promise<{ host: string; port: number }> {
    await run.printed('\n');
    const url = new URL(/up (\S+)/.exec(run.stdout)?.[1] ?? '');
    return { host: url.hostname, port: Number(url.port) };
  }

  const subnets = async () =>
    (await docker().listNetworks(ours)).map(({ Name, IPAM }) => ({
      Name,
      subnet: IPAM?.Config?.[0]?.Subnet ?? '',
    }));

  async function containerAt(proxy: string): Promise<Dockerode.Container> {
    const network = (await subnets()).find(({ subnet }) => contains(subnet, proxy));
    const all = await docker().listContainers({ all: true });
    const found = all.find(
      ({ HostConfig, Image }) => HostConfig.NetworkMode === network?.Name && Image === JOB_IMAGE,
    );
    return docker().getContainer(found?.Id ?? 'none');
  }

  /** What the job gets of its proxy now: a status, or 000. */
  async function ask(container: Dockerode.Container): Promise<string> {
    const exec = await container.exec({
      Cmd: ['bash', '-c', "curl -sS -m 5 -o /dev/null -w '%{http_code}' http://example.com/"],
      AttachStdout: true,
    });
    const stream = await exec.start({ hijack: true });
    let out = '';
    for await (const chunk of stream) out += (chunk as Buffer).subarray(8).toString();
    return out;
  }

  it('the job has no network that works; the next start removes its left-overs and leaves a live sibling alone', async () => {
    const [victim, sibling] = [start(), start()];
    const [gone, stays] = [await proxyOf(victim), await proxyOf(sibling)];
    const [orphan, other] = [await containerAt(gone.host), await containerAt(stays.host)];
    expect(await ask(orphan)).toBe('200');

    victim.child.kill('SIGKILL');
    await victim.done;
    expect(await ask(orphan)).toBe('000');

    expect(await ask(other)).toBe('200');
    expect((await runJob([], 'true')).code).toBe(0); // any next start sweeps
    await expect(orphan.inspect()).rejects.toMatchObject({ statusCode: 404 });
    const left = await subnets();
    expect(left.map(({ subnet }) => contains(subnet, stays.host))).toEqual([true]);
    expect(await ask(other)).toBe('200');

    sibling.child.kill('SIGTERM');
    expect((await sibling.done).code).toBe(143);
    expect(await docker().listNetworks(ours)).toEqual([]);
  });

  it('another program that takes the port on all addresses does not become the proxy of the job', async () => {
    const run = start();
    const { host, port } = await proxyOf(run);
    const orphan = await containerAt(host);
    expect(await ask(orphan)).toBe('200');
    run.child.kill('SIGKILL');
    await run.done;
    // The worker has it for a moment more.
    const other = await vi.waitFor(async () => {
      const server = createServer((_request, response) => response.end('stolen')).listen(port, '0.0.0.0');
      await once(server, 'listening');
      return server;
    });
    try {
      // Where the proxy was in a container, its address was never the host's.
      const at = placement === 'host' ? host : '127.0.0.1';
      expect(await (await fetch(`http://${at}:${port}/`)).text()).toBe('stolen');
      expect(await ask(orphan)).toBe('000');
    } finally {
      other.closeAllConnections();
      other.close();
    }
    expect((await cli(['clean'])).code).toBe(0);
    await expect(orphan.inspect()).rejects.toMatchObject({ statusCode: 404 });
  });

  it('what a run without a gateway left is removed as well', async () => {
    const run = startCli(['run', '--pull', 'never', JOB_IMAGE, 'bash', '-c', `echo up; sleep 60; : ${MARK}`]);
    await run.printed('up');
    const left = async () =>
      (await docker().listContainers({ all: true })).filter(({ Command }) => Command.includes(MARK));
    expect(await left()).toHaveLength(1);
    run.child.kill('SIGKILL');
    await run.done;
    expect(await left()).toHaveLength(1);
    expect((await runJob([], 'true')).code).toBe(0);
    expect(await left()).toEqual([]);
  });
});
