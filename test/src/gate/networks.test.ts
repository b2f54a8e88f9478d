import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { idOf } from '../../support/fake-docker.js';
import { type GateHere, gateHere } from '../../support/gate-here.js';

const DOMAINS = { 'jobgate.domains': 'example.com' };
const CREATE = '/networks/create';

let here: GateHere;
beforeEach(async () => {
  here = await gateHere();
});
afterEach(() => here[Symbol.asyncDispose]());

const network = async (Name: string, Labels: object = DOMAINS): Promise<string> =>
  (await here.post(CREATE, { Name, Labels }, 201)).Id;
const on = (name: string, ...containers: string[]) => {
  const found = here.docker.networks.find(({ Name }) => Name === name);
  if (found) found.Containers = Object.fromEntries(containers.map((id) => [id, { Name: id }]));
};
const theirs = (Name: string) => {
  here.docker.networks.push({ Id: idOf(Name), Name, Labels: { x: 'y' } });
  return idOf(Name);
};

describe('a network', () => {
  it('is made with a gateway for what its labels say, as its client asked for it', async () => {
    const labels = { ...DOMAINS, 'jobgate.rate': '1mbit', 'jobgate.budget': 'down=1GB', a: 'b' };
    const answer = await here.post(
      `/v1.41${CREATE}`,
      { Name: 'mine', Driver: 'bridge', Labels: labels },
      201,
    );
    const served = here.served('mine');
    expect(answer).toEqual({ Id: served?.gateway.network.id, Warning: '' });
    expect(served?.policy).toMatchObject({
      ...{ job: 'mine', name: 'mine', allow: ['example.com'], rate: 1e6, budget: { down: 1e9 } },
    });
    expect(served).toMatchObject({ shared: true, isNamed: true });
    expect(here.asked('GET /networks').path).toBe('/v1.41/networks');
    expect(here.docker.networks.at(-1)?.Labels).toMatchObject(labels);
  });

  it('has the job that a label names, no budget of its own, and a job of its own where its name is no id', async () => {
    await network('mine', { ...DOMAINS, 'jobgate.job': 'job-1' });
    expect(here.served('mine')?.policy.job).toBe('job-1');
    expect(here.served('mine')?.policy).not.toHaveProperty('budget');
    const long = 'a'.repeat(200);
    await network(long);
    expect(here.served(long)?.policy.job).toMatch(/^gate-[0-9a-f]{12}$/);
  });

  it.each([
    [{ Name: '-x' }, 400, 'jobgate: Name is no name of a network'],
    [{ Name: 'x y' }, 400, 'jobgate: Name is no name of a network'],
    [{}, 400, 'jobgate: Name is no name of a network'],
    [{ Name: `a${'b'.repeat(255)}` }, 400, 'jobgate: Name is no name of a network'],
    [{ Name: 'jobgate-x' }, 403, 'jobgate: names that begin with jobgate- are its own: choose another'],
    [{ Name: 'a'.repeat(64) }, 403, 'jobgate: Name: an id is no name of a network'],
    [
      { Name: 'x', Labels: { a: 'b', 'io.jobgate.gate': 'x' } },
      403,
      "jobgate: Labels: io.jobgate.gate is jobgate's own: choose another",
    ],
    [{ Name: 'bridge' }, 409, 'network with name bridge already exists'],
    [{ Name: 'default' }, 409, 'network with name default already exists'],
    [{ Name: 'container' }, 409, 'network with name container already exists'],
    [
      { Name: 'x', Driver: 'macvlan' },
      403,
      'jobgate: Driver: networks of the gate are bridges, not "macvlan"',
    ],
    [
      { Name: 'x', IPAM: { Config: [{ Subnet: '10.0.0.0/8' }] } },
      403,
      'jobgate: IPAM.Config: the gate chooses',
    ],
    [{ Name: 'x', Labels: { 'jobgate.domains': '*' } }, 403, 'jobgate: label jobgate.domains'],
  ])('of %j is refused', async (body, status, problem) => {
    expect((await here.post(CREATE, body, status)).message).toContain(problem);
    expect(here.gate.own.gateways()).toEqual([]);
    await here.post(CREATE, { Name: `a${'b'.repeat(254)}` }, 201);
    await here.post(CREATE, { Name: 'a'.repeat(63) }, 201);
  });

  it('of a name that is there already is refused', async () => {
    await network('mine');
    theirs('theirs');
    for (const Name of ['mine', 'theirs'])
      expect((await here.post(CREATE, { Name }, 409)).message).toBe(
        `network with name ${Name} already exists`,
      );
  });

  it('that admission does not accept is not made', async () => {
    await using strict = await gateHere({ JOBGATE_ALLOWED_DOMAINS: 'example.org' });
    await strict.post(CREATE, { Name: 'a', Labels: { 'jobgate.domains': 'example.org' } }, 201);
    const { message } = await strict.post(CREATE, { Name: 'b', Labels: DOMAINS }, 403);
    expect(message).toContain('example.com');
    expect(strict.gate.own.gateways()).toHaveLength(1);
  });
});

describe('networks are listed and inspected', () => {
  it("as they were asked for, with the engine's three, and nobody else's", async () => {
    const id = await network('mine');
    theirs('theirs');
    const single = await here.create('web', { Labels: DOMAINS });
    const { body } = await here.ask('/v1.41/networks');
    expect(body.map(({ Name }: { Name: string }) => Name)).toEqual(['bridge', 'host', 'none', 'mine']);
    expect(body.at(-1)).toEqual({ Id: id, Name: 'mine', Labels: DOMAINS, Options: {} });
    expect(here.asked('GET /networks').path).toBe('/v1.41/networks');
    for (const name of ['mine', id, id.slice(0, 10), 'bridge'])
      expect((await here.ask(`/networks/${name}`)).body).toMatchObject({ Containers: {} });
    expect((await here.ask(`/networks/${id}`)).body).toMatchObject({ Id: id, Labels: DOMAINS, Options: {} });
    // That of one container, as its inspect names it.
    const alone = here.gate.own.gatewayOf(single)?.gateway.network;
    expect((await here.ask(`/networks/${alone?.name}`)).body.Id).toBe(alone?.id);
    for (const name of ['theirs', idOf('theirs'), alone?.id.slice(0, 12)])
      expect(await here.ask(`/networks/${name}`)).toMatchObject({
        status: 404,
        body: { message: `network ${name} not found` },
      });
  });

  it("without others' containers on them", async () => {
    await network('mine');
    const own = await here.create('own');
    const other = here.docker.add('other');
    for (const name of ['mine', 'bridge']) {
      on(name, own, other);
      expect((await here.ask(`/networks/${name}`)).body.Containers).toEqual({ [own]: { Name: own } });
    }
    for (const one of (await here.ask('/networks')).body)
      expect(one.Containers ?? {}).not.toHaveProperty(other);
    expect((await here.ask('/networks')).body.at(-1).Containers).toEqual({ [own]: { Name: own } });
    expect((await here.ask('/networks')).body[1]).not.toHaveProperty('Containers');
  });

  it("and with others' where the operator says so", async () => {
    await using open = await gateHere({ JOBGATE_GATE_READ_OTHERS: 'true' });
    open.docker.networks.push({ Id: idOf('theirs'), Name: 'theirs', Containers: { x: {} } });
    expect((await open.ask('/networks')).body).toHaveLength(4);
    expect((await open.ask('/networks/theirs')).body).toMatchObject({ Containers: { x: {} } });
    expect((await open.ask('/networks/bridge')).body.Containers).toEqual({});
  });
});

describe('a network is removed', () => {
  it('with its gateway, once no container of its client is on it', async () => {
    const id = await network('mine');
    const own = await here.create('own');
    on('mine', own);
    expect(await here.ask('/v1.41/networks/mine', { method: 'DELETE' })).toMatchObject({
      status: 403,
      body: { message: `error while removing network: network mine id ${id} has active endpoints` },
    });
    expect(here.asked(`GET /networks/${id}`).path).toBe(`/v1.41/networks/${id}`);
    expect(here.served('mine')?.state).toBe('open');
    on('mine', here.docker.add('other'));
    expect((await here.ask('/networks/mine', { method: 'DELETE' })).status).toBe(204);
    expect(here.served('mine')).toBeUndefined();
  });

  it("and not where it is the engine's, another's or of one container", async () => {
    theirs('theirs');
    const single = await here.create('web', { Labels: DOMAINS });
    const name = here.gate.own.gatewayOf(single)?.gateway.network.name;
    for (const [given, status, message] of [
      ['bridge', 403, "jobgate: bridge is the engine's network, and not for clients of the gate: "],
      ['theirs', 404, 'network theirs not found'],
      [name, 404, `network ${name} not found`],
    ] as const) {
      const { status: said, body } = await here.ask(`/networks/${given}`, { method: 'DELETE' });
      expect([said, body.message]).toEqual([status, expect.stringContaining(message)]);
    }
    expect(here.gate.own.gateways()).toHaveLength(1);
  });

  it('by a prune, where it matches and nothing is on it or made for it', async () => {
    for (const name of ['free', 'busy', 'used', 'other']) await network(name);
    await here.create('web', { Labels: DOMAINS });
    await here.create('idle', { HostConfig: { NetworkMode: 'used' } });
    on('busy', await here.create('own'));
    const listed = here.docker.networks.filter(({ Name }) => Name !== 'other');
    here.docker.says.set('GET /networks', [200, listed]);
    const filters = encodeURIComponent(JSON.stringify({ label: { a: true } }));
    const { body } = await here.ask(`/v1.41/networks/prune?filters=${filters}`, { method: 'POST' });
    expect(body).toEqual({ NetworksDeleted: ['free'] });
    expect(decodeURIComponent(here.asked('GET /networks').path)).toBe(
      '/v1.41/networks?filters={"label":["a"]}',
    );
    expect(here.gate.own.gateways().map(({ name }) => name)).toEqual(['busy', 'used', 'other', 'web']);
    const odd = encodeURIComponent('{"until":["1h"]}');
    expect((await here.ask(`/networks/prune?filters=${odd}`, { method: 'POST' })).status).toBe(400);
  });
});

describe.each(['connect', 'disconnect'])('a container is to %s', (verb) => {
  const path = `/v1.41/networks/mine/${verb}`;

  it('by its id, with the words of the engine as the answer', async () => {
    const id = await network('mine');
    const own = await here.create('own', { HostConfig: { NetworkMode: 'mine' } });
    const engine = `POST /networks/${id}/${verb}`;
    here.docker.says.set(engine, [200, { said: 1 }]);
    expect(await here.post(path, { Container: 'own' }, 200)).toEqual({ said: 1 });
    const { body, path: asked } = here.asked(engine);
    expect(asked).toBe(`/v1.41/networks/${id}/${verb}`);
    expect(body).toEqual({ Container: own, ...(verb === 'connect' && { EndpointConfig: {} }) });
    here.docker.says.set(engine, (_, response) => void response.end());
    const { headers } = await here.ask(path, { body: { Container: 'own' } });
    expect([headers['content-type'], headers['content-length']]).toEqual([undefined, '0']);
    here.docker.says.set(engine, [500, { message: 'no' }]);
    expect(await here.post(path, { Container: own.slice(0, 12) }, 500)).toEqual({ message: 'no' });
  });

  it("and its own only, on a network of its client's", async () => {
    await network('mine');
    here.docker.add('theirs');
    await here.create('own');
    theirs('other');
    for (const [name, Container, status, message] of [
      ['mine', 'theirs', 404, 'No such container: theirs'],
      ['mine', undefined, 404, 'No such container: '],
      ['other', 'own', 404, 'network other not found'],
      ['bridge', 'own', 403, "bridge is the engine's network"],
    ] as const)
      expect((await here.post(`/networks/${name}/${verb}`, { Container }, status)).message).toContain(
        message,
      );
    expect(here.engine.asked.filter((one) => one.endsWith(`/${verb}`))).toEqual([]);
  });
});

describe('a container is connected', () => {
  it('once it has left the network none, where it is on that', async () => {
    const id = await network('mine');
    const own = await here.create('own');
    here.docker.says.set(`POST /networks/${id}/connect`, [200, {}]);
    here.docker.says.set('POST /networks/none/disconnect', [200, {}]);
    const networks = (Networks: object) =>
      here.docker.says.set(`GET /containers/${own}/json`, [200, { Id: own, NetworkSettings: { Networks } }]);
    networks({ mine: {} });
    await here.post('/networks/mine/connect', { Container: 'own' }, 200);
    expect(here.times('POST /networks/none/disconnect')).toBe(0);
    networks({ none: {} });
    await here.post('/v1.41/networks/mine/connect', { Container: 'own' }, 200);
    const left = here.asked('POST /networks/none/disconnect');
    expect(left).toMatchObject({ path: '/v1.41/networks/none/disconnect', body: { Container: own } });
    here.docker.says.set('POST /networks/none/disconnect', [409, { message: 'busy' }]);
    const before = here.times(`POST /networks/${id}/connect`);
    expect((await here.post('/networks/mine/connect', { Container: 'own' }, 409)).message).toBe('busy');
    expect(here.times(`POST /networks/${id}/connect`)).toBe(before);
    // One that is on another network has not to leave it.
    await here.create('there', { HostConfig: { NetworkMode: 'mine' } });
    await here.post('/networks/mine/connect', { Container: 'there' }, 200);
  });

  it('as its client says, with links to its own', async () => {
    const id = await network('mine');
    const own = await here.create('own', { HostConfig: { NetworkMode: 'mine' } });
    here.docker.says.set(`POST /networks/${id}/connect`, [200, {}]);
    const endpoint = (EndpointConfig: object, status: number) =>
      here.post('/networks/mine/connect', { Container: 'own', EndpointConfig }, status);
    await endpoint({ Aliases: ['a'], Links: ['own:o'] }, 200);
    expect(here.asked(`POST /networks/${id}/connect`).body.EndpointConfig).toEqual({
      ...{ Aliases: ['a'], Links: [`${own}:o`] },
    });
    expect((await endpoint({ DriverOpts: { a: 'b' } }, 403)).message).toContain('EndpointConfig.DriverOpts');
    const served = here.served('mine');
    if (served) served.state = 'failed';
    expect((await endpoint({}, 409)).message).toContain('the gateway of network mine is failed');
  });

  it('and disconnected by force, where that is asked', async () => {
    const id = await network('mine');
    const own = await here.create('own', { HostConfig: { NetworkMode: 'mine' } });
    here.docker.says.set(`POST /networks/${id}/disconnect`, [200, {}]);
    const force = async (Force: unknown) => {
      await here.post('/networks/mine/disconnect', { Container: 'own', Force }, 200);
      return here.asked(`POST /networks/${id}/disconnect`).body;
    };
    expect(await force(true)).toEqual({ Container: own, Force: true });
    expect(await force(false)).toEqual({ Container: own });
  });
});
