import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { GATE_LABEL } from '../../../../docker/gateway/labels.js';
import { GATE, type GateHere, gateHere } from '../../../support/gate-here.js';

const CREATE = '/containers/create';
const DOMAINS = { 'jobgate.domains': 'example.com' };

let here: GateHere;
let allowed: string;
let theirs: string;
beforeEach(async () => {
  allowed = mkdtempSync(join(tmpdir(), 'jobgate-allowed-'));
  here = await gateHere({ JOBGATE_ALLOWED_MOUNTS: allowed });
  theirs = here.docker.add('theirs');
});
afterEach(async () => {
  await here[Symbol.asyncDispose]();
  rmSync(allowed, { recursive: true });
});

const wants = (HostConfig: object, more: object = {}) => ({ Image: 'image', ...more, HostConfig });
const made = () => here.asked(`POST ${CREATE}`).body;
const refusal = async (body: object, status = 403) => (await here.post(CREATE, body, status)).message;
const network = (Name: string, Labels: object = DOMAINS) =>
  here.post('/networks/create', { Name, Labels }, 201);

describe('a network that its client made', () => {
  it('is that of a container that names it, with its gateway', async () => {
    const { Id } = await network('mine');
    for (const name of ['mine', Id, Id.slice(0, 12)]) {
      await here.post(CREATE, wants({ NetworkMode: name }), 201);
      const served = here.served('mine');
      expect(made().HostConfig).toMatchObject({
        NetworkMode: 'mine',
        ContainerIDFile: `jobgate-gate-${GATE}-${served?.id}`,
      });
      expect(made().Env).toContain(`HTTPS_PROXY=${served?.gateway.proxy.url}`);
    }
    expect(here.gate.own.gateways()).toHaveLength(1);
  });

  it('stays when a container on it is not made', async () => {
    await network('mine');
    here.docker.says.set(`POST ${CREATE}`, [500, { message: 'no' }]);
    expect(await refusal(wants({ NetworkMode: 'mine' }), 500)).toBe('no');
    expect(here.served('mine')?.state).toBe('open');
  });

  it('says what is reached: a container on it does not', async () => {
    await network('mine');
    expect(await refusal(wants({ NetworkMode: 'mine' }, { Labels: DOMAINS }))).toBe(
      'jobgate: label jobgate.domains: what is reached is said of the network: docker network create --label',
    );
    await here.post(CREATE, wants({ NetworkMode: 'mine' }, { Labels: { 'jobgate.job': 'j' } }), 201);
    const none = wants({ NetworkMode: 'none' }, { Labels: DOMAINS });
    expect(await refusal(none)).toContain('a container without a network reaches nothing');
    expect(await refusal(wants({ NetworkMode: 'mine', ExtraHosts: ['example.com:10.0.0.1'] }))).toContain(
      'would hide example.com',
    );
  });

  it('is not another one, nor one whose gateway is not open', async () => {
    await network('mine');
    expect(await refusal(wants({ NetworkMode: 'other' }), 400)).toBe('network other not found');
    const served = here.served('mine');
    if (served) served.state = 'failed';
    expect(await refusal(wants({ NetworkMode: 'mine' }), 409)).toBe(
      'jobgate: the gateway of network mine is failed: make the network anew',
    );
  });

  it('may be one of several, each with how the container is on it', async () => {
    await network('mine');
    await network('second', { 'jobgate.domains': 'example.org' });
    const linked = await here.create('linked', wants({ NetworkMode: 'mine' }));
    const endpoints = { mine: { Aliases: ['a'] }, second: { Links: ['linked:l', 'linked'] } };
    const config = (EndpointsConfig: object, NetworkMode = 'mine') => ({
      ...wants({ NetworkMode }),
      NetworkingConfig: { EndpointsConfig },
    });
    await here.post(CREATE, config(endpoints), 201);
    expect(made().NetworkingConfig.EndpointsConfig).toEqual({
      mine: { Aliases: ['a'] },
      second: { Links: [`${linked}:l`, `${linked}:linked`] },
    });
    await here.post(CREATE, config({ mine: { Links: [] } }), 201);
    expect(made().NetworkingConfig.EndpointsConfig).toEqual({ mine: {} });
    expect(await refusal(config({ second: {} }))).toContain(
      'the network of HostConfig.NetworkMode is not among',
    );
    expect(await refusal(config({ second: {} }, ''))).toContain('is not among these');
    expect(await refusal(config({ mine: {}, other: {} }), 400)).toBe('network other not found');
    expect(await refusal(config({ mine: { Links: ['theirs'] } }), 400)).toBe('No such container: theirs');
  });
});

describe("another container's", () => {
  it('network is shared with its proxy, and has no resolver of its own', async () => {
    const id = await here.create('first', { Labels: DOMAINS });
    await here.post(CREATE, wants({ NetworkMode: 'container:first' }), 201);
    const { HostConfig, Env } = made();
    expect(HostConfig).toMatchObject({ NetworkMode: `container:${id}`, CapDrop: ['NET_RAW', 'NET_ADMIN'] });
    for (const name of ['Dns', 'DnsOptions', 'DnsSearch']) expect(HostConfig).not.toHaveProperty(name);
    expect(HostConfig).toMatchObject({ Sysctls: {}, Mounts: [], ContainerIDFile: `jobgate-gate-${GATE}` });
    expect(Env).toContain(`HTTPS_PROXY=${here.served('first')?.gateway.proxy.url}`);
    expect(await refusal(wants({ NetworkMode: 'container:first' }, { Labels: DOMAINS }))).toContain(
      "what is reached is said of the other container's network",
    );
  });

  it.each([
    [{ NetworkMode: 'container:NAME' }, { NetworkMode: 'container:ID' }],
    [{ VolumesFrom: ['NAME', 'NAME:ro'] }, { VolumesFrom: ['ID', 'ID:ro'] }],
    [{ Links: ['NAME:alias', 'NAME:/a'] }, { Links: ['ID:alias', 'ID:a'] }],
    [{ IpcMode: 'container:NAME' }, { IpcMode: 'container:ID' }],
  ])('%j is by its id, where it is the own', async (asked, engine) => {
    const id = await here.create('first');
    const host = (text: object, name: string, Id: string) =>
      JSON.parse(JSON.stringify(text).replaceAll('NAME', name).replaceAll('ID', Id));
    await here.post(CREATE, wants(host(asked, 'first', id)), 201);
    expect(made().HostConfig).toMatchObject(host(engine, 'first', id));
    const before = here.times(`POST ${CREATE}`);
    expect(await refusal(wants(host(asked, 'theirs', theirs)), 400)).toBe('No such container: theirs');
    expect(await refusal(wants(host(asked, theirs, theirs)), 400)).toBe(`No such container: ${theirs}`);
    expect(here.times(`POST ${CREATE}`)).toBe(before);
  });

  it("network is not shared where it is the host's", async () => {
    const id = await here.create('first');
    here.gate.own.add(id, { network: 'host' });
    expect(await refusal(wants({ NetworkMode: 'container:first' }))).toContain(
      "that container has the host's network, which is not shared",
    );
  });

  it('is in nothing where it is not asked for', async () => {
    await here.create('first');
    for (const name of ['VolumesFrom', 'Links', 'IpcMode', 'ExtraHosts'])
      expect(made().HostConfig).not.toHaveProperty(name);
  });
});

describe('what is mounted', () => {
  it("is a volume that the gate makes, and not somebody else's", async () => {
    here.docker.volumes.push(
      { Name: 'theirs', Labels: null },
      { Name: 'other', Labels: { [GATE_LABEL]: 'b' } },
    );
    const labelled = { Type: 'volume', Source: 'two', Target: '/b', VolumeOptions: { Labels: { a: 'b' } } };
    await here.post(CREATE, wants({ Binds: ['one:/a', '/anonymous'], Mounts: [labelled] }), 201);
    expect(here.docker.volumes.slice(2)).toEqual([
      { Name: 'one', Driver: 'local', Labels: { [GATE_LABEL]: GATE } },
      { Name: 'two', Driver: 'local', Labels: { a: 'b', [GATE_LABEL]: GATE } },
    ]);
    expect(made().HostConfig).toMatchObject({ Binds: ['one:/a', '/anonymous'], Mounts: [labelled] });
    for (const name of ['theirs', 'other'])
      expect(await refusal(wants({ Binds: [`${name}:/a`] }), 400)).toBe(`No such volume: ${name}`);
    expect(here.times(`POST ${CREATE}`)).toBe(1);
  });

  it('is of the node where the operator allows it, by the path that was judged', async () => {
    await here.post(CREATE, wants({ Binds: [`${allowed}/:/a:ro`] }), 201);
    expect(made().HostConfig.Mounts).toContainEqual({
      ...{ Type: 'bind', Source: allowed, Target: '/a', ReadOnly: true },
    });
    expect(made().HostConfig.Binds).toEqual([]);
    expect(await refusal(wants({ Binds: [`${allowed}:/a`] }))).toContain(allowed);
    expect(await refusal(wants({ Binds: ['/etc:/a:ro'] }))).toContain('/etc');
  });

  it("is not the engine's data, what holds it or is in it", async () => {
    for (const name of ['data', 'data/x', 'database']) mkdirSync(join(allowed, name));
    here.docker.says.set('GET /info', [200, { DockerRootDir: join(allowed, 'data') }]);
    const bind = (path: string) => wants({ Binds: [`${path}:/a:ro`] });
    for (const path of [allowed, `${allowed}/data`, `${allowed}/data/x`])
      expect(await refusal(bind(path))).toBe(
        `jobgate: ${JSON.stringify(path)} is not mounted: it has ${allowed}/data in it, or is in it`,
      );
    await here.post(CREATE, bind(`${allowed}/database`), 201);
    here.docker.says.set('GET /info', [200, {}]);
    await here.post(CREATE, bind(allowed), 201);
  });

  it('is asked about where something of the node is mounted, and nowhere else', async () => {
    await here.create('a');
    expect(here.times('GET /info')).toBe(0);
    await here.post(CREATE, wants({ Binds: [`${allowed}:/a:ro`] }), 201);
    expect(here.times('GET /info')).toBe(1);
  });
});
