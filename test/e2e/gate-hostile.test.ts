import { once } from 'node:events';
import { mkdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Cleanup } from '../support/cleanup.js';
import { describeE2e, docker, JOB_IMAGE } from '../support/e2e.js';
import { newName, startGate, type TestGate } from '../support/gate.js';
import { type HostileCreate, hostileCreates } from '../support/hostile-creates.js';
import { ask } from '../support/serve.js';

const V = '/v1.41';

describeE2e('a hostile client of the gate', () => {
  const cleanup = new Cleanup();
  let gate: TestGate;
  let engine: string;
  let rows: HostileCreate[];
  const others = { container: newName('other'), network: newName('other'), volume: newName('other') };
  /** Its own: running, with a domain. */
  const own = newName('own');

  const startOwn = () =>
    gate.docker(
      'run',
      '-d',
      '--name',
      own,
      '--label',
      'jobgate.domains=example.com',
      JOB_IMAGE,
      'sleep',
      '600',
    );

  beforeAll(async () => {
    engine = (process.env.DOCKER_HOST ?? 'unix:///var/run/docker.sock').replace('unix://', '');
    gate = cleanup.use(await startGate());
    for (const kind of ['volume', 'network'] as const) {
      await docker(kind, 'create', others[kind]);
      cleanup.add(() => docker(kind, 'rm', others[kind]));
    }
    await docker('run', '-d', '--name', others.container, '-v', '/data', JOB_IMAGE, 'sleep', '600');
    cleanup.add(() => docker('rm', '-fv', others.container));
    await startOwn();
    const { allowed } = gate;
    mkdirSync(`${allowed}-not`);
    cleanup.add(() => rmSync(`${allowed}-not`, { recursive: true }));
    symlinkSync('/', `${allowed}/root`);
    symlinkSync('/run', `${allowed}/run`);
    symlinkSync(engine, `${allowed}/socket`);
    rows = hostileCreates({ ...others, allowed, engineSocket: engine });
  });
  afterAll(() => cleanup[Symbol.asyncDispose]());

  const made = async () =>
    (await docker('ps', '-aq', '--filter', 'label=hostile')).split('\n').filter(Boolean);

  it('gets no container from any of a hundred bodies and more, of which the engine alone makes most', async () => {
    expect(rows.length).toBeGreaterThan(100);
    const wrong: string[] = [];
    for (const { what, body, engine: does = 'makes' } of rows) {
      const alone = await ask(engine, `${V}/containers/create`, { body });
      const isMade = alone.status === 201;
      if (isMade) await docker('rm', '-fv', alone.body.Id);
      if (isMade !== (does === 'makes'))
        wrong.push(`${what}: the engine alone: ${alone.status} ${alone.body.message}`);
      const { status, body: answer } = await gate.ask(`${V}/containers/create`, { body });
      const isRefused = status >= 400 && status < 500 && typeof answer.message === 'string';
      if (!isRefused) wrong.push(`${what}: the gate: ${status} ${JSON.stringify(answer)}`);
    }
    expect(wrong).toEqual([]);
    expect(await made()).toEqual([]);
    // The same body without anything of it.
    const Labels = { hostile: '1' };
    const plain = await gate.ask(`${V}/containers/create`, {
      body: { Image: JOB_IMAGE, Cmd: ['true'], Labels },
    });
    expect(plain.status).toBe(201);
    expect((await gate.ask(`${V}/containers/${plain.body.Id}`, { method: 'DELETE' })).status).toBe(204);
  });

  it('mounts no directory that has the socket of the gate or of its engine in it, whatever the operator allows', async () => {
    await using wide = await startGate('--allowed-mount', tmpdir());
    const create = (source: string) => {
      const HostConfig = { Binds: [`${source}:/x:ro`] };
      return wide.ask(`${V}/containers/create`, { body: { Image: JOB_IMAGE, Cmd: ['true'], HostConfig } });
    };
    for (const source of [dirname(wide.socket), tmpdir()]) {
      const { status, body } = await create(source);
      expect(status, JSON.stringify(body)).toBe(403);
      expect(body.message).toContain('is not mounted: it has');
    }
    expect((await create(wide.allowed)).status).toBe(201);
  });

  it('gets what isolation needs, whatever it says of that', async () => {
    const HostConfig = {
      ...{ CapDrop: [], SecurityOpt: [], Dns: ['192.0.2.1'], DnsSearch: ['evil.test'], PidsLimit: -1 },
      ...{ ContainerIDFile: 'mine', LogConfig: { Type: '', Config: {} }, NetworkMode: 'bridge' },
    };
    const Env = ['http_proxy=http://192.0.2.1', 'NO_PROXY=*', 'A=b'];
    const body = {
      Image: JOB_IMAGE,
      Cmd: ['true'],
      Env,
      HostConfig,
      Labels: { 'jobgate.domains': 'example.com' },
    };
    const { body: answer } = await gate.ask(`${V}/containers/create`, { body });
    const [info] = JSON.parse(await docker('inspect', answer.Id));
    expect(info.HostConfig.CapDrop).toEqual(expect.arrayContaining(['NET_RAW', 'NET_ADMIN']));
    expect(info.HostConfig.SecurityOpt).toEqual(['no-new-privileges']);
    expect(info.HostConfig.Dns).not.toContain('192.0.2.1');
    expect(info.HostConfig.DnsSearch).toEqual(['.']);
    expect(info.HostConfig.PidsLimit).toBe(4096);
    expect(info.HostConfig.NetworkMode).toMatch(/^jobgate-/);
    expect(info.HostConfig.LogConfig.Config['max-size']).toBe('10m');
    expect(info.HostConfig.Sysctls['net.ipv6.conf.all.disable_ipv6']).toBe('1');
    expect(info.Config.Env).toContain('A=b');
    expect(info.Config.Env.join(' ')).toMatch(/http_proxy=http:\/\/10\./);
    expect(info.Config.Env.join(' ')).not.toMatch(/192\.0\.2\.1|NO_PROXY=\*/);
    await gate.docker('rm', answer.Id);
  });

  it('changes nothing of others, by any request', async () => {
    const { Id } = JSON.parse(await docker('inspect', '--format', '{{json .}}', others.container));
    const { body: exec } = await ask(engine, `${V}/containers/${Id}/exec`, { body: { Cmd: ['true'] } });
    for (const name of [others.container, Id, Id.slice(0, 8)]) {
      for (const [method, path, body] of [
        ...[
          'start',
          'stop',
          'restart',
          'kill',
          'pause',
          'unpause',
          'wait',
          'attach',
          'resize',
          'rename?name=x',
        ].map((verb) => ['POST', `/containers/${name}/${verb}`] as const),
        ['POST', `/containers/${name}/exec`, { Cmd: ['true'] }],
        ['POST', `/containers/${name}/update`, { Memory: 1 }],
        ...['json', 'logs?stdout=1', 'top', 'stats?stream=0', 'changes', 'archive?path=/'].map(
          (verb) => ['GET', `/containers/${name}/${verb}`] as const,
        ),
        ['PUT', `/containers/${name}/archive?path=/`],
        ['DELETE', `/containers/${name}?force=1`],
        ['POST', `/networks/${others.network}/connect`, { Container: own }],
        ['POST', `/networks/${others.network}/disconnect`, { Container: name }],
      ] as const) {
        const { status } = await gate.ask(V + path, { method, ...(body && { body }) });
        expect(status, `${method} ${path}`).toBe(404);
      }
    }
    for (const [method, path, body] of [
      ['POST', `/exec/${exec.Id}/start`, {}],
      ['GET', `/exec/${exec.Id}/json`, undefined],
      ['DELETE', `/networks/${others.network}`, undefined],
      ['GET', `/networks/${others.network}`, undefined],
      ['GET', `/volumes/${others.volume}`, undefined],
      ['DELETE', `/volumes/${others.volume}`, undefined],
      ['POST', '/volumes/create', { Name: others.volume }],
    ] as const) {
      expect((await gate.ask(V + path, { method, body })).status, `${method} ${path}`).toBe(404);
      if (method === 'GET') expect((await ask(engine, V + path)).status).toBe(200);
    }
    expect(await docker('inspect', '--format', '{{.State.Running}}', others.container)).toBe('true');
    for (const path of ['/containers/json?all=1', '/networks', '/volumes', '/system/df']) {
      expect(JSON.stringify((await gate.ask(V + path)).body), path).not.toMatch(
        new RegExp(`${others.container}|${others.network}|${others.volume}`),
      );
    }
  });

  it('gets no more for its own than it had, after it was made', async () => {
    const at = `${V}/containers/${own}`;
    const wrong: string[] = [];
    // A network of this name would have containers on the engine's own one.
    const bridge = await docker('network', 'inspect', '--format', '{{.Id}}', 'bridge');
    for (const [path, body, does] of [
      [`${at}/exec`, { Cmd: ['true'], Privileged: true }, 201],
      [`${at}/exec`, { Cmd: ['true'], privileged: true }, 201],
      [`${at}/update`, { PidsLimit: -1 }, 200],
      [`${at}/update`, { PidsLimit: 8000 }, 200],
      [`${at}/update`, { DeviceCgroupRules: ['a *:* rwm'] }, 200],
      [`${at}/update`, { pidslimit: 8000 }, 200],
      [`${at}/start`, { HostConfig: { Privileged: true } }, 400],
      [`${at}/rename?name=jobgate-0123456789abcdef0123-01234567`, undefined, 204],
      [`${V}/networks/bridge/connect`, { Container: own }, 200],
      [`${V}/networks/host/connect`, { Container: own }, 400],
      [`${V}/networks/create`, { Name: newName('n'), Driver: 'host' }, 403],
      [
        `${V}/networks/create`,
        { Name: newName('n'), Options: { 'com.docker.network.bridge.enable_ip_masquerade': 'true' } },
        201,
      ],
      [
        `${V}/networks/create`,
        { Name: newName('n'), Options: { 'com.docker.network.bridge.name': 'evil0' } },
        201,
      ],
      [`${V}/networks/create`, { Name: newName('n'), IPAM: { Config: [{ Subnet: '192.0.2.0/24' }] } }, 201],
      [
        `${V}/networks/create`,
        { Name: newName('n'), EnableIPv6: true, IPAM: { Config: [{ Subnet: 'fd00:5::/64' }] } },
        201,
      ],
      [`${V}/networks/create`, { Name: newName('n'), Labels: { 'io.jobgate.version': '1' } }, 201],
      [`${V}/networks/create`, { Name: newName('n'), Labels: { 'jobgate.network': 'bridge' } }, 201],
      [`${V}/networks/create`, { Name: 'jobgate-0123456789ab' }, 201],
      [`${V}/networks/create`, { Name: bridge }, 201],
      [`${V}/volumes/create`, { Driver: 'local', DriverOpts: { type: 'none', o: 'bind', device: '/' } }, 201],
      [`${V}/volumes/create`, { Labels: { 'io.jobgate.gate': 'x' } }, 201],
      [`${V}/images/create?fromSrc=http://192.0.2.1/x`, undefined, undefined],
      [`${V}/commit?container=${own}`, {}, 201],
      [`${V}/build?remote=http://192.0.2.1/x`, undefined, undefined],
    ] as const) {
      const { status, body: answer } = await gate.ask(path, { method: 'POST', ...(body && { body }) });
      const what = `${path} ${JSON.stringify(body)}: ${JSON.stringify(answer)}`;
      if (![400, 403].includes(status)) wrong.push(what);
      // What leaves the machine or undoes the test is not tried; the rest the engine alone does, or refuses in its way.
      if (does === undefined || path.includes('rename')) continue;
      // On another one, which may be spoilt.
      const alone = await ask(engine, path.replace(own, others.container), {
        method: 'POST',
        ...(body && { body }),
      });
      if (alone.status !== does) wrong.push(`the engine alone: ${alone.status}: ${what}`);
      if (path.includes('/networks/create') && alone.body.Id) await docker('network', 'rm', alone.body.Id);
      if (path.includes('/volumes/create')) await docker('volume', 'rm', alone.body.Name);
      if (path.includes('/commit')) await docker('rmi', alone.body.Id);
      if (path.includes('bridge/connect')) await docker('network', 'disconnect', '-f', 'bridge', own);
    }
    expect(wrong).toEqual([]);
    // Less is had.
    expect((await gate.ask(`${at}/update`, { body: { PidsLimit: 100 } })).status).toBe(200);
    expect((await gate.ask(`${at}/update`, { body: { PidsLimit: 200 } })).status).toBe(403);
    // The watch has taken it off its own network when the engine put it on another one.
    await gate.docker('rm', '-f', own);
    await startOwn();
  });

  /** Bytes as they are. @returns what came back until the other end closed, or said nothing for a while. */
  async function send(...parts: (string | Buffer)[]): Promise<string> {
    const socket = connect({ path: gate.socket });
    let said = '';
    socket.setEncoding('utf8').on('data', (data) => {
      said += data;
    });
    socket.on('error', () => {});
    await once(socket, 'connect');
    for (const part of parts) {
      socket.write(part);
      await sleep(150);
    }
    await Promise.race([once(socket, 'close'), sleep(700)]);
    socket.destroy();
    return said;
  }
  const head = (line: string, ...headers: string[]) =>
    `${[`${line} HTTP/1.1`, 'Host: docker', ...headers].join('\r\n')}\r\n\r\n`;
  const secret = `GET ${V}/containers/${others.container}/json`;

  describe('on one connection', () => {
    const upgrade = ['Connection: Upgrade', 'Upgrade: tcp'];

    it.each([
      [
        'behind an attach that is refused',
        () => [head(`POST ${V}/containers/none/attach?stream=1`, ...upgrade) + head(secret)],
      ],
      ['behind a detached exec', () => [detached() + head(secret)]],
      ['behind an upgrade of something else', () => [head(`GET ${V}/version`, ...upgrade) + head(secret)]],
      [
        'behind an upgrade to HTTP/2',
        () => [head(`POST ${V}/session`, 'Connection: Upgrade', 'Upgrade: h2c') + head(secret)],
      ],
      [
        'in a body',
        () => [
          head(`POST ${V}/containers/none/kill`, `Content-Length: ${head(secret).length}`) + head(secret),
        ],
      ],
      [
        'behind a body of no length',
        () => [head(`POST ${V}/containers/${own}/wait`, 'Transfer-Encoding: gzip') + head(secret)],
      ],
      [
        'with two lengths',
        () => [
          head(`POST ${V}/containers/none/kill`, 'Content-Length: 0', 'Content-Length: 5') + head(secret),
        ],
      ],
      [
        'with a length and chunks',
        () => [
          head(`POST ${V}/containers/none/kill`, 'Content-Length: 5', 'Transfer-Encoding: chunked') +
            head(secret),
        ],
      ],
      [
        'in a chunked body of a create',
        () => [
          `${head(`POST ${V}/containers/create`, 'Transfer-Encoding: chunked')}0\r\n\r\n${head(secret)}`,
        ],
      ],
    ] as [string, () => string[]][])('a request %s reaches nothing of others', async (_, parts) => {
      const said = await send(...parts());
      expect(said).not.toContain('"State"');
      expect(said).toMatch(/^HTTP\/1\.1 \d{3} /);
    });

    const detached = () => {
      const body = JSON.stringify({ Detach: true, Tty: false });
      return (
        head(
          `POST ${V}/exec/${execId}/start`,
          ...upgrade,
          'Content-Type: application/json',
          `Content-Length: ${body.length}`,
        ) + body
      );
    };
    let execId = '';
    beforeAll(async () => {
      execId = (await gate.ask(`${V}/containers/${own}/exec`, { body: { Cmd: ['true'] } })).body.Id;
    });

    it('what follows an attach or an exec is input of the container, with an upgrade and without', async () => {
      for (const headers of [upgrade, []]) {
        const { Id } = (
          await gate.ask(`${V}/containers/${own}/exec`, {
            body: { Cmd: ['cat'], AttachStdin: true, AttachStdout: true, Tty: true },
          })
        ).body;
        const body = JSON.stringify({ Tty: true });
        const said = await send(
          head(
            `POST ${V}/exec/${Id}/start`,
            ...headers,
            'Content-Type: application/json',
            `Content-Length: ${body.length}`,
          ) + body,
          head(secret),
        );
        expect(said).toMatch(headers.length > 0 ? /^HTTP\/1\.1 101 / : /^HTTP\/1\.1 200 /);
        expect(said).toContain(secret);
        expect(said).not.toContain('"State"');
      }
    });

    it('chunked bodies, and bodies in pieces, are judged like any other', async () => {
      const body = JSON.stringify({
        Image: JOB_IMAGE,
        Labels: { hostile: '1' },
        HostConfig: { Privileged: true },
      });
      const chunks =
        body.match(/.{1,7}/g)?.map((piece) => `${piece.length.toString(16)}\r\n${piece}\r\n`) ?? [];
      const said = await send(
        head(`POST ${V}/containers/create`, 'Content-Type: application/json', 'Transfer-Encoding: chunked') +
          `${chunks.join('')}0\r\n\r\n`,
      );
      expect(said).toMatch(/^HTTP\/1\.1 403 /);
      const form = 'fromSrc=http%3A%2F%2F192.0.2.1%2Fx';
      const formed = await send(
        head(
          `POST ${V}/images/create`,
          'Content-Type: application/x-www-form-urlencoded',
          `Content-Length: ${form.length}`,
        ) + form,
      );
      expect(formed).toMatch(/^HTTP\/1\.1 403 /);
      expect(await made()).toEqual([]);
    });
  });

  it('finds nothing of the socket open to others', () => {
    expect(readFileSync('/proc/net/unix', 'utf8')).toContain(gate.socket);
  });
});
