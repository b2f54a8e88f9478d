import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { Cleanup } from '../support/cleanup.js';
import { describeE2e, docker, JOB_IMAGE, run } from '../support/e2e.js';
import { dockerClients, newName, startGate, type TestGate } from '../support/gate.js';
import { type Stage, startStage } from '../support/stage.js';

/** What of the gate's socket is there without clients. */
const LISTENER = 1;
const ALLOWED = 'jobgate.domains=example.com';
const status = (url: string) => ['curl', '-sS', '-m', '5', '-o', '/dev/null', '-w', '%{http_code}', url];

/** The events of an engine from now on. */
function follow(file: string, host: string): Disposable & { told(): string } {
  const args = ['events', '--format', '{{.Actor.ID}} {{.Action}}'];
  const child = spawn(file, args, { env: { ...process.env, DOCKER_HOST: host } });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (data: string) => {
    text += data;
  });
  return { told: () => text, [Symbol.dispose]: () => void child.kill() };
}

describeE2e('the gate', () => {
  const cleanup = new Cleanup();
  let stage: Stage;
  let gate: TestGate;
  /** A container that did not come through the gate. */
  let other: string;
  beforeAll(async () => {
    stage = cleanup.use(await startStage({ 'example.com': {}, 'other.com': {} }));
    gate = cleanup.use(await startGate('--dns', stage.net.dns));
    other = newName('other');
    cleanup.add(() => docker('rm', '-f', other));
    await docker('run', '-d', '--name', other, JOB_IMAGE, 'sleep', '600');
  });
  afterAll(() => cleanup[Symbol.asyncDispose]());

  it.each(dockerClients())('%s runs containers and looks after them, as with the engine', async (file) => {
    const cli = async (...args: string[]) => {
      const ran = await gate.tryDocker(args, { file });
      expect(ran, `${args.join(' ')}: ${ran.stderr}`).toMatchObject({ code: 0 });
      return ran.stdout.trim();
    };
    const name = newName('cli');
    using ofGate = follow(file, gate.host);
    using ofEngine = follow(file, process.env.DOCKER_HOST ?? '');
    expect(await cli('run', '--rm', JOB_IMAGE, 'echo', 'hello')).toBe('hello');
    const exit = await gate.tryDocker(['run', '--rm', JOB_IMAGE, 'bash', '-c', 'echo oh >&2; exit 7'], {
      file,
    });
    expect(exit).toMatchObject({ code: 7, stderr: 'oh\n' });
    const piped = await gate.tryDocker(['run', '-i', '--rm', JOB_IMAGE, 'sort'], { file, input: 'b\na\n' });
    expect(piped.stdout).toBe('a\nb\n');
    const typed = `${file} run -it --rm ${JOB_IMAGE} bash -c 'test -t 0 && stty size && echo a terminal'`;
    const terminal = await run('script', ['-qec', typed, '/dev/null'], { env: { DOCKER_HOST: gate.host } });
    expect(terminal.stdout).toContain('a terminal');

    const script = 'echo first; while ! test -e /tmp/end; do sleep 0.1; done; echo last; sleep 0.5; exit 3';
    await cli('run', '-d', '--name', name, '-e', 'A=b', JOB_IMAGE, 'bash', '-c', script);
    expect(await cli('exec', name, 'bash', '-c', 'echo $A')).toBe('b');
    const input = await gate.tryDocker(['exec', '-i', name, 'cat'], { file, input: 'through exec' });
    expect(input.stdout).toBe('through exec');
    expect((await gate.tryDocker(['exec', name, 'bash', '-c', 'exit 9'], { file })).code).toBe(9);
    expect(await cli('exec', '-d', name, 'true')).toBe('');
    const local = join(gate.allowed, 'file');
    writeFileSync(local, 'x'.repeat(3 << 20));
    await cli('cp', local, `${name}:/tmp/file`);
    await cli('cp', `${name}:/tmp/file`, `${local}.back`);
    expect(readFileSync(`${local}.back`).equals(readFileSync(local))).toBe(true);
    expect(await cli('diff', name)).toContain('A /tmp/file');
    expect(await cli('stats', '--no-stream', '--format', '{{.Name}}', name)).toBe(name);
    expect(await cli('top', name)).toContain('sleep');
    expect(await cli('system', 'df')).toContain('Containers');
    expect(await cli('ps', '--format', '{{.Names}}')).toBe(name);
    expect(await cli('ps', '-l', '--format', '{{.Names}}')).toBe(name);
    await cli('rename', name, `${name}-b`);
    await cli('pause', `${name}-b`);
    await cli('unpause', `${name}-b`);

    const following = gate.tryDocker(['logs', '-f', `${name}-b`], { file });
    const attached = gate.tryDocker(['attach', '--no-stdin', `${name}-b`], { file });
    const waiting = cli('wait', `${name}-b`);
    await new Promise((resolve) => setTimeout(resolve, 500));
    await cli('exec', `${name}-b`, 'touch', '/tmp/end');
    expect((await following).stdout).toBe('first\nlast\n');
    expect(await attached).toMatchObject({ code: 3, stdout: 'last\n' });
    expect(await waiting).toBe('3');

    await cli('start', `${name}-b`);
    await cli('restart', '-t', '0', `${name}-b`);
    await cli('stop', '-t', '0', `${name}-b`);
    // Of others the engine tells, and the gate does not.
    await docker('exec', other, 'true');
    const id = await docker('inspect', '--format', '{{.Id}}', other);
    await vi.waitFor(() => expect(ofEngine.told()).toContain(id));
    await vi.waitFor(() => expect(ofGate.told()).toMatch(/ restart\n/));
    expect(ofGate.told()).not.toContain(id);
    await cli('rm', '-v', `${name}-b`);
    expect(await cli('ps', '-aq')).toBe('');
  });

  it('a container without labels has no network, one with labels reaches what they name and nothing else', async () => {
    const address = stage.net.addresses['example.com'] as string;
    const inside = ['run', '--rm', '--label', ALLOWED, JOB_IMAGE];
    expect(await gate.docker(...inside, ...status('http://example.com/'))).toBe('200');
    expect(await gate.docker(...inside, ...status('http://other.com/'))).toBe('403');
    // A program that knows of no proxy as well.
    expect(await gate.docker(...inside, ...status('http://example.com/'), '--noproxy', '*')).toBe('200');
    const direct = await gate.tryDocker([...inside, ...status(`http://${address}/`), '--noproxy', '*']);
    expect(direct).toMatchObject({ code: 7, stdout: '000' });
    expect(await docker('run', '--rm', JOB_IMAGE, ...status(`http://${address}/`))).toBe('200');
    expect(await gate.docker('run', '--rm', JOB_IMAGE, 'cat', '/proc/net/dev')).not.toContain('eth0');
  });

  it('two containers on a network of the client reach each other by name, and one allowed host', async () => {
    const [net, server] = [newName('net'), newName('server')];
    await gate.docker('network', 'create', '--label', ALLOWED, net);
    const serve = 'require("http").createServer((_, r) => r.end("hello")).listen(8080)';
    await gate.docker('run', '-d', '--name', server, '--network', net, JOB_IMAGE, 'node', '-e', serve);
    const ask = [
      'run',
      '--rm',
      '--network',
      net,
      '--network-alias',
      'asker',
      JOB_IMAGE,
      'curl',
      '-sS',
      '-m',
      '5',
    ];
    await vi.waitFor(async () =>
      expect(await gate.docker(...ask, '--noproxy', '*', `http://${server}:8080/`)).toBe('hello'),
    );
    expect(await gate.docker(...ask, 'http://example.com/')).toBe('hello from example.com');
    expect(await gate.docker(...ask, '-o', '/dev/null', '-w', '%{http_code}', 'http://other.com/')).toBe(
      '403',
    );
    expect(await gate.docker(...ask, '--noproxy', '*', 'http://example.com/')).toContain(
      'hello from example.com',
    );
    expect(await gate.docker('network', 'ls', '--format', '{{.Name}}')).toContain(net);
    const inUse = await gate.tryDocker(['network', 'rm', net]);
    expect(inUse.stderr).toContain('has active endpoints');

    // From another network of the client's nothing is reached, until it is connected.
    const [second, outsider] = [newName('net'), newName('outsider')];
    await gate.docker('network', 'create', second);
    await gate.docker('run', '-d', '--name', outsider, '--network', second, JOB_IMAGE, 'sleep', '600');
    const { IPAddress } = JSON.parse(
      await gate.docker('inspect', '--format', `{{json (index .NetworkSettings.Networks "${net}")}}`, server),
    );
    const reach = ['exec', outsider, ...status(`http://${IPAddress}:8080/`), '--noproxy', '*'];
    expect((await gate.tryDocker(reach)).stdout).toBe('000');
    await gate.docker('network', 'connect', net, outsider);
    expect((await gate.tryDocker(reach)).stdout).toBe('200');
    await gate.docker('network', 'disconnect', net, outsider);
    expect((await gate.tryDocker(reach)).stdout).toBe('000');

    await gate.docker('rm', '-f', server, outsider);
    await gate.docker('network', 'rm', net, second);
    expect(await docker('network', 'ls', '--format', '{{.Name}}')).not.toContain(net);
  });

  it('prune removes what of the client has ended, and nothing of others', async () => {
    const [ended, otherEnded] = [newName('ended'), newName('other-ended')];
    const [otherNet, otherVolume] = [newName('net'), newName('volume')];
    cleanup.add(() => docker('rm', '-f', otherEnded));
    await docker('run', '--name', otherEnded, JOB_IMAGE, 'true');
    await docker('network', 'create', otherNet);
    cleanup.add(() => docker('network', 'rm', otherNet));
    await docker('volume', 'create', otherVolume);
    cleanup.add(() => docker('volume', 'rm', otherVolume));
    await gate.docker('run', '--name', ended, JOB_IMAGE, 'true');
    await gate.docker('network', 'create', `${ended}-net`);
    const pruned = await gate.docker('system', 'prune', '-f', '--volumes');
    expect(pruned).toContain('Deleted Containers');
    expect(pruned).toContain(`${ended}-net`);
    expect(await docker('ps', '-a', '--format', '{{.Names}}')).toContain(otherEnded);
    expect(await docker('ps', '-a', '--format', '{{.Names}}')).not.toContain(`${ended}\n`);
    expect(await docker('network', 'ls', '--format', '{{.Name}}')).toContain(otherNet);
    expect(await docker('volume', 'ls', '-q')).toContain(otherVolume);
  });

  it("what is others' is not there: by name, id, and the beginning of an id", async () => {
    const id = await docker('inspect', '--format', '{{.Id}}', other);
    for (const name of [other, id, id.slice(0, 12), id.slice(0, 4)]) {
      for (const args of [
        ['exec', name, 'true'],
        ['logs', name],
        ['rm', '-f', name],
        ['inspect', name],
        ['stop', name],
      ]) {
        const ran = await gate.tryDocker(args);
        expect(ran.stderr, args.join(' ')).toMatch(/No such (container|object)/i);
      }
    }
    expect(await docker('inspect', '--format', '{{.State.Running}}', other)).toBe('true');
    expect(
      (await gate.tryDocker(['run', '--rm', '--network', `container:${other}`, JOB_IMAGE, 'true'])).stderr,
    ).toContain('No such container');
    expect((await gate.tryDocker(['run', '--rm', '--volumes-from', other, JOB_IMAGE, 'true'])).code).toBe(
      125,
    );
  });

  it('an image whose labels imitate those of the gate gives nothing', async () => {
    const mine = await gate.docker('create', JOB_IMAGE, 'true');
    const Labels = JSON.parse(await docker('inspect', '--format', '{{json .Config.Labels}}', mine)) ?? {};
    const mark = await docker('inspect', '--format', '{{.HostConfig.ContainerIDFile}}', mine);
    const forged = newName('forged');
    const labels = Object.entries({
      ...Labels,
      'io.jobgate.gate': mark.split('-').at(-1),
      ContainerIDFile: mark,
    });
    const args = labels.flatMap(([name, value]) => ['--label', `${name}=${value}`]);
    cleanup.add(() => docker('rm', '-f', forged));
    await docker('run', '-d', '--name', forged, ...args, JOB_IMAGE, 'sleep', '600');
    await gate.serve.stop();
    await gate.serve.start();
    expect((await gate.tryDocker(['exec', forged, 'true'])).stderr).toContain('No such container');
    expect(await gate.docker('ps', '-aq', '--no-trunc')).toBe(mine);
    await gate.docker('rm', mine);
  });

  it('200 clients at once are served, and a client that goes away leaves nothing', async () => {
    const name = newName('many');
    await gate.docker(
      'run',
      '-d',
      '--name',
      name,
      JOB_IMAGE,
      'bash',
      '-c',
      'while :; do echo tick; sleep 0.2; done',
    );
    const answers = await Promise.all(
      Array.from({ length: 200 }, () => gate.ask(`/containers/${name}/json`)),
    );
    expect(answers.map(({ status: code }) => code)).toEqual(Array(200).fill(200));
    const sockets = () =>
      readFileSync('/proc/net/unix', 'utf8')
        .split('\n')
        .filter((line) => line.includes(gate.socket)).length;
    await vi.waitFor(() => expect(sockets()).toBe(LISTENER));
    const followers = Array.from({ length: 20 }, () =>
      spawn('docker', ['logs', '-f', name], {
        env: { ...process.env, DOCKER_HOST: gate.host },
        stdio: 'ignore',
      }),
    );
    await vi.waitFor(() => expect(sockets()).toBe(LISTENER + 20));
    for (const follower of followers) follower.kill('SIGKILL');
    await vi.waitFor(() => expect(sockets()).toBe(LISTENER));
    await gate.docker('rm', '-f', name);
  });
});
