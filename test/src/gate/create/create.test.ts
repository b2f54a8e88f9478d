import { describe, expect, it } from 'vitest';
import { EngineError } from '../../../../docker/engine/errors.js';
import { GATE, gateHere } from '../../../support/gate-here.js';

const CREATE = '/containers/create';
const reaches = (domains: string, more: object = {}) => ({
  Image: 'image',
  Labels: { 'jobgate.domains': domains, ...more },
});

describe('a container with domains', () => {
  it('is made on the network of a gateway of its own', async () => {
    await using here = await gateHere();
    const labels = { 'jobgate.rate': '1mbit', 'jobgate.budget': 'up=1GB' };
    const id = await here.create('web', reaches('example.com', labels));
    const served = here.served('web');
    expect(served?.policy).toMatchObject({
      ...{ job: 'web', name: 'web', allow: ['example.com'], rate: 1e6, budget: { up: 1e9 } },
      execution: expect.stringMatching(/^gate-[0-9a-f]{12}$/),
    });
    const { body, path } = here.asked(`POST ${CREATE}`);
    expect(path).toBe(`${CREATE}?name=web`);
    expect(body).toMatchObject({
      Image: 'image',
      HostConfig: {
        NetworkMode: served?.gateway.network.name,
        ContainerIDFile: `jobgate-gate-${GATE}-${served?.id}`,
      },
    });
    expect(here.gate.own.gatewayOf(id)).toBe(served);
    expect(here.served('web')?.isNamed).toBe(false);
  });

  it('has no budget where no label names one, and the job that a label does', async () => {
    await using here = await gateHere();
    await here.create('web', reaches('example.com', { 'jobgate.job': 'job-1' }));
    const policy = here.served('job-1')?.policy;
    expect(policy).toMatchObject({ job: 'job-1', name: 'web' });
    expect(policy).not.toHaveProperty('budget');
  });

  it.each(['', '?name=%2Fno%20id'])(
    'without a name that is an id, "%s", is a job of its own',
    async (query) => {
      await using here = await gateHere();
      await here.post(`${CREATE}${query}`, reaches('example.com'), 201);
      const [served] = here.gate.own.gateways();
      expect(served?.policy.job).toMatch(/^gate-[0-9a-f]{12}$/);
      expect(served?.policy.name).toBe(query === '' ? undefined : 'no id');
    },
  );

  it('that the engine does not make leaves no gateway; what the engine says is the answer', async () => {
    await using here = await gateHere();
    here.docker.says.set(`POST ${CREATE}`, [409, { message: 'the name is taken' }]);
    expect(await here.post(`${CREATE}?name=web`, reaches('example.com'), 409)).toEqual({
      message: 'the name is taken',
    });
    expect(here.times(`POST ${CREATE}`)).toBe(1);
    expect(here.gate.own.gateways()).toEqual([]);
    expect(here.gate.own.containers.size).toBe(0);
    here.docker.says.clear();
    await here.create('web', reaches('example.com'));
    expect(here.gate.own.gateways()).toHaveLength(1);
  });

  it('is not made where its gateway does not open', async () => {
    await using here = await gateHere();
    here.gateways.problem = new EngineError('no room for a network');
    const { message } = await here.post(CREATE, reaches('example.com'), 503);
    expect(message).toBe('jobgate: no room for a network');
    expect(here.times(`POST ${CREATE}`)).toBe(0);
  });

  it('is made without the file of its resolver where the engine has other files', async () => {
    await using here = await gateHere();
    const missing = (source: string) =>
      here.docker.says.set(`POST ${CREATE}`, [400, { message: `path does not exist: ${source}` }]);
    const volume = { Type: 'volume', Target: '/data' };
    const body = { ...reaches('example.com'), HostConfig: { Mounts: [volume] } };
    missing('/elsewhere');
    await here.post(`${CREATE}?name=a`, body, 400);
    expect(here.times(`POST ${CREATE}`)).toBe(1);
    const [first, second] = here.asked(`POST ${CREATE}`).body.HostConfig.Mounts;
    expect([first, second.Target]).toEqual([volume, '/etc/resolv.conf']);
    missing(second.Source);
    await here.post(`${CREATE}?name=b`, body, 400);
    expect(here.times(`POST ${CREATE}`)).toBe(3);
    const { HostConfig, Image } = here.asked(`POST ${CREATE}`).body;
    expect(HostConfig).toMatchObject({ Mounts: [volume], CapDrop: ['NET_RAW', 'NET_ADMIN'] });
    expect(Image).toBe('image');
    // One without a gateway has none of our files.
    await here.post(CREATE, { Image: 'image' }, 400);
    expect(here.times(`POST ${CREATE}`)).toBe(4);
  });

  it('has what its image says appended to, as far as that has a name', async () => {
    await using here = await gateHere();
    here.docker.images['registry:5000/a/image'] = { Env: ['JAVA_TOOL_OPTIONS=-Dof=image'] };
    const env = async (Image: string) => {
      await here.post(`/v1.41${CREATE}`, { ...reaches('example.com'), Image }, 201);
      return (here.asked(`POST ${CREATE}`).body.Env as string[]).find((one) => one.startsWith('JAVA'));
    };
    expect(await env('registry:5000/a/image')).toMatch(/^JAVA_TOOL_OPTIONS=.*-Dof=image/);
    expect(here.asked('GET /images/registry:5000/a/image/json').path).toMatch(/^\/v1\.41\/images/);
    expect(await env('other')).not.toContain('-Dof=image');
    const before = here.engine.asked.length;
    for (const odd of ['../containers/x', 'a/../../x', 'a//b', 'a b', 'a?b', 'a'.repeat(513)]) await env(odd);
    expect(here.engine.asked.slice(before).filter((one) => one.includes('/images/'))).toEqual([]);
  });

  it('is logged where it sets variables that its gateway overrides, and only there', async () => {
    await using here = await gateHere();
    const warnings = () => here.logged.filter(([level]) => level === 'warn').map(([, about]) => about);
    await here.create('plain', { ...reaches('example.com'), Env: ['A=1'] });
    expect(warnings()).toEqual([]);
    await here.create('sets', { ...reaches('example.com'), Env: ['HTTPS_PROXY=http://other:1'] });
    expect(warnings()).toEqual([{ job: 'sets', variables: ['HTTPS_PROXY'] }]);
  });
});

describe('a container without domains', () => {
  it('has no network and no gateway', async () => {
    await using here = await gateHere();
    const id = await here.create('quiet');
    const { HostConfig, Env } = here.asked(`POST ${CREATE}`).body;
    expect(HostConfig).toMatchObject({ NetworkMode: 'none', ContainerIDFile: `jobgate-gate-${GATE}` });
    expect(Env).toBeUndefined();
    expect(here.gate.own.gateways()).toEqual([]);
    expect(here.gate.own.containers.get(id)).toEqual({ network: 'none' });
  });

  it('has the domains that the operator gives to all', async () => {
    await using here = await gateHere({ JOBGATE_GATE_DEFAULT: 'example.org' });
    await here.create('web');
    expect(here.served('web')?.policy.allow).toEqual(['example.org']);
  });
});

describe('a create', () => {
  it("of a name that is jobgate's own is refused", async () => {
    await using here = await gateHere();
    for (const name of ['jobgate-x', '%2Fjobgate-x']) {
      expect((await here.post(`${CREATE}?name=${name}`, { Image: 'image' }, 403)).message).toBe(
        'jobgate: names that begin with jobgate- are its own: choose another',
      );
    }
    await here.create('my-jobgate-x');
  });

  it('that admission does not accept is refused with its reason, and nothing is asked of the engine', async () => {
    await using here = await gateHere({
      JOBGATE_DENIED: 'example.com',
      JOBGATE_ALLOWED_DOMAINS: 'example.org',
    });
    await here.create('fine', reaches('example.org'));
    expect((await here.post(CREATE, reaches('example.com'), 403)).message).toContain('example.com');
    expect(here.times(`POST ${CREATE}`)).toBe(1);
  });

  it("on the host's network is refused, with what to do instead", async () => {
    await using here = await gateHere({ JOBGATE_GATE_HOST_NETWORK: 'true' });
    const body = { Image: 'image', HostConfig: { NetworkMode: 'host' } };
    expect((await here.post(CREATE, body, 403)).message).toBe(
      "jobgate: HostConfig.NetworkMode: the host's network is not for clients of the gate: leave it out, and name domains by the label jobgate.domains",
    );
    await here.create('none', { HostConfig: { NetworkMode: 'none' } });
  });

  it('with a name in its hosts file that hides an allowed one is refused', async () => {
    await using here = await gateHere();
    const body = (line: string) => ({ ...reaches('example.com'), HostConfig: { ExtraHosts: [line] } });
    expect((await here.post(CREATE, body('Example.com.:10.0.0.1'), 403)).message).toBe(
      'jobgate: HostConfig.ExtraHosts: example.com would hide example.com, which is allowed: leave it out',
    );
    await here.post(CREATE, body('other.test:10.0.0.1'), 201);
    expect(here.asked(`POST ${CREATE}`).body.HostConfig.ExtraHosts).toEqual(['other.test:10.0.0.1']);
  });
});
