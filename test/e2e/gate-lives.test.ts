import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { Cleanup } from '../support/cleanup.js';
import { describeE2e, docker, JOB_IMAGE } from '../support/e2e.js';
import { newName, startGate, type TestGate } from '../support/gate.js';

const LABEL = ['--label', 'jobgate.domains=example.com'];

describeE2e('lives at the gate', () => {
  const cleanup = new Cleanup();
  let gate: TestGate;
  beforeAll(async () => {
    gate = cleanup.use(await startGate());
  });
  afterAll(() => cleanup[Symbol.asyncDispose]());

  const gateways = async () => (await gate.serve.ask('/v1/gateways')).body.gateways;
  const networks = () => docker('network', 'ls', '--format', '{{.Name}}');
  /** What the gateway says to a host that is not allowed; 000 where none answers. */
  const refused = async (name: string) => {
    const curl = ['curl', '-sS', '-m', '5', '-o', '/dev/null', '-w', '%{http_code}', 'http://refused.test/'];
    return (await gate.tryDocker(['exec', name, ...curl])).stdout;
  };

  it('a gateway is there before the container runs, and goes with it, whoever removes it', async () => {
    const [name, byOthers] = [newName('life'), newName('life')];
    await gate.docker('create', '--name', name, ...LABEL, JOB_IMAGE, 'sleep', '600');
    await gate.docker('create', '--name', byOthers, ...LABEL, JOB_IMAGE, 'sleep', '600');
    const open = await gateways();
    expect(open.map(({ jobId, state }: { jobId: string; state: string }) => [jobId, state])).toEqual([
      [name, 'open'],
      [byOthers, 'open'],
    ]);
    await gate.docker('start', name);
    expect(await refused(name)).toBe('403');
    await gate.docker('rm', '-f', name);
    await docker('rm', '-f', byOthers);
    await vi.waitFor(async () => expect(await gateways()).toEqual([]));
    await vi.waitFor(async () => expect(await networks()).not.toContain('jobgate-'));
    await gate.docker('run', '--rm', ...LABEL, JOB_IMAGE, 'true');
    await vi.waitFor(async () => expect(await networks()).not.toContain('jobgate-'));
  });

  it('a container that was not made leaves no gateway', async () => {
    expect((await gate.tryDocker(['create', ...LABEL, 'no-such-image:local', 'true'])).code).not.toBe(0);
    expect((await gate.tryDocker(['create', ...LABEL, '--workdir', 'relative', JOB_IMAGE])).code).not.toBe(0);
    expect(await gateways()).toEqual([]);
    expect(await networks()).not.toContain('jobgate-');
  });

  it('when serve is killed, containers go on, cut off, and have their gateway back with the next one', async () => {
    const [single, shared, stopped, none] = ['a', 'b', 'c', 'd'].map(newName) as [
      string,
      string,
      string,
      string,
    ];
    const net = newName('net');
    await gate.docker('network', 'create', ...LABEL, net);
    await gate.docker(
      'run',
      '-d',
      '--name',
      single,
      '--restart',
      'always',
      ...LABEL,
      JOB_IMAGE,
      'sleep',
      '600',
    );
    await gate.docker('run', '-d', '--name', shared, '--network', net, JOB_IMAGE, 'sleep', '600');
    await gate.docker('run', '--name', stopped, ...LABEL, JOB_IMAGE, 'true');
    await gate.docker('run', '-d', '--name', none, JOB_IMAGE, 'sleep', '600');
    const before = (await gateways()).map(({ id }: { id: string }) => id).sort();
    expect(before).toHaveLength(3);

    await gate.serve.kill();
    const alone = ['exec', single, 'curl', '-sS', '-m', '3', '-o', '/dev/null', 'http://refused.test/'];
    await vi.waitFor(() => expect(docker(...alone)).rejects.toThrow());
    await gate.serve.start();
    await vi.waitFor(async () => expect(await refused(single)).toBe('403'));
    await vi.waitFor(async () => expect(await refused(shared)).toBe('403'));
    expect((await gateways()).map(({ id }: { id: string }) => id).sort()).toEqual(before);
    expect((await gate.docker('ps', '-a', '--format', '{{.Names}}')).split('\n').sort()).toEqual(
      [single, shared, stopped, none].sort(),
    );
    // One that had ended by then has its gateway, too.
    await gate.docker('start', '-a', stopped);
    await gate.docker('exec', none, 'true');

    // What was removed while nobody looked is waited for no longer than one that has not come yet.
    await gate.serve.kill();
    await docker('rm', '-f', stopped);
    await gate.serve.start('--unused-after', '1s');
    await vi.waitFor(async () => expect(await gateways()).toHaveLength(2));
    await gate.docker('rm', '-f', single, shared, none);
    await gate.docker('network', 'rm', net);
    await vi.waitFor(async () => expect(await gateways()).toEqual([]));
    expect(await networks()).not.toContain('jobgate-');
  });

  it('a container that ends by itself and starts again by its policy keeps its gateway', async () => {
    const name = newName('again');
    const script = 'test -e /tmp/second && sleep 600; touch /tmp/second; exit 1';
    await gate.docker(
      'run',
      '-d',
      '--name',
      name,
      '--restart',
      'on-failure:3',
      ...LABEL,
      JOB_IMAGE,
      'bash',
      '-c',
      script,
    );
    await vi.waitFor(async () =>
      expect(await docker('inspect', '--format', '{{.RestartCount}} {{.State.Running}}', name)).toBe(
        '1 true',
      ),
    );
    await vi.waitFor(async () => expect(await refused(name)).toBe('403'));
    await gate.docker('rm', '-f', name);
  });

  it('a container whose gateway was closed does not start', async () => {
    const name = newName('closed');
    await gate.docker('create', '--name', name, ...LABEL, JOB_IMAGE, 'true');
    const [{ id }] = await gateways();
    await gate.serve.ask(`/v1/gateways/${id}`, { method: 'DELETE' });
    const ran = await gate.tryDocker(['start', name]);
    expect(ran.stderr).toContain('jobgate: its gateway is gone: create the container anew');
    await gate.docker('rm', name);
  });
});
