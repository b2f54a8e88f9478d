import { mkdirSync, rmdirSync, rmSync, symlinkSync, unlinkSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Cleanup } from '../support/cleanup.js';
import { describeE2e, docker, JOB_IMAGE } from '../support/e2e.js';
import { newName, startGate, type TestGate } from '../support/gate.js';
import { ask } from '../support/serve.js';

describeE2e('a client of the gate that looks for ways round', () => {
  const cleanup = new Cleanup();
  let gate: TestGate;
  let engine: string;
  const own = newName('own');
  const other = newName('other');

  beforeAll(async () => {
    engine = (process.env.DOCKER_HOST ?? 'unix:///var/run/docker.sock').replace('unix://', '');
    gate = cleanup.use(await startGate());
    await gate.docker('run', '-d', '--name', own, JOB_IMAGE, 'sleep', '600');
    await docker('run', '-d', '--name', other, JOB_IMAGE, 'sleep', '600');
    cleanup.add(() => docker('rm', '-f', other));
  });
  afterAll(() => cleanup[Symbol.asyncDispose]());

  it('mounts nothing that was moved between the create and the start', async () => {
    const path = `${gate.allowed}/sub`;
    rmSync(path, { recursive: true, force: true });
    mkdirSync(path);
    const id = await gate.docker('create', '-v', `${path}:/x:ro`, JOB_IMAGE, 'sleep', '60');
    const sees = async () => (await gate.docker('exec', id, 'ls', '/x')).split('\n');
    // As a container does that may write there.
    rmdirSync(path);
    symlinkSync('/', path);
    for (const verb of ['start', 'restart']) {
      const { status, body } = await gate.ask(`/containers/${id}/${verb}`, { method: 'POST' });
      expect(status, verb).toBe(403);
      expect(body.message).toContain('is not what it was');
    }
    const copy = `/containers/${id}/archive?path=/x/etc/passwd`;
    for (const method of ['GET', 'PUT']) expect((await gate.ask(copy, { method })).status, method).toBe(403);
    expect((await ask(engine, copy)).status).toBe(200);
    // The engine alone follows it.
    await docker('start', id);
    expect(await sees()).toContain('proc');
    await docker('kill', id);
    await docker('wait', id);
    unlinkSync(path);
    mkdirSync(path);
    await gate.docker('start', id);
    expect(await sees()).not.toContain('proc');
    await gate.docker('rm', '-f', id);
  });

  it('sees the processes of its own containers alone, whatever it asks of ps', async () => {
    for (const args of [
      '-eorss=PID -oargs',
      '-eouid=PID',
      'axo rss=PID',
      '-oargs -opid',
      '-o pid=X,rss=PID',
    ]) {
      const path = `/top?ps_args=${encodeURIComponent(args)}`;
      expect((await gate.ask(`/containers/${own}${path}`)).status, args).toBe(403);
    }
    expect((await ask(engine, `/containers/${own}/top?ps_args=-eorss%3DPID%20-oargs`)).body.Titles).toEqual([
      'PID',
      'COMMAND',
    ]);
    for (const args of ['', '-ef', 'aux', '-eo pid,args', '-o pid,user,cmd']) {
      const { body } = await gate.ask(`/containers/${own}/top?ps_args=${encodeURIComponent(args)}`);
      expect(body.Processes, args).toHaveLength(1);
    }
  });

  it('is not told by a filter whether there is a container of others', async () => {
    const listed = (name: string, spelt: unknown = [name]) =>
      gate.ask(`/containers/json?all=1&filters=${encodeURIComponent(JSON.stringify({ before: spelt }))}`);
    expect((await listed(own)).status).toBe(200);
    for (const [name, spelt] of [[other], [other, { [other]: true }], [newName('none')]] as const)
      expect((await listed(name, spelt)).status, name).toBe(404);
  });

  it('is not told by versions of old who is on the networks of the engine', async () => {
    expect(JSON.stringify((await ask(engine, '/v1.24/networks')).body)).toContain(other);
    const { body } = await gate.ask('/v1.24/networks');
    expect(JSON.stringify(body)).not.toContain(other);
    expect(JSON.stringify(body)).toContain(own);
  });
});
