import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeDocker, idOf } from '../../support/fake-docker.js';
import { GATE, type GateHere, gateHere } from '../../support/gate-here.js';

const DOMAINS = { 'jobgate.domains': 'example.com' };
const READ_OTHERS = { JOBGATE_GATE_READ_OTHERS: 'true' };

let here: GateHere;
beforeEach(async () => {
  here = await gateHere();
});
afterEach(() => here[Symbol.asyncDispose]());

const seen = async (name: string, at = here) => {
  const { status, body } = await at.ask(`/v1.41/containers/${name}/json`);
  return status === 200 ? body.Id : [status, body.message];
};
const notThere = (name: string) => [404, `No such container: ${name}`];

describe("a client's own container", () => {
  it('is known by its id, name, or the beginning of its id', async () => {
    const id = await here.create('own');
    for (const name of [id, 'own', id.slice(0, 12), id.slice(0, 4)]) expect(await seen(name)).toBe(id);
    expect(here.asked(`GET /containers/${id}/json`).path).toBe(`/v1.41/containers/${id}/json`);
  });

  it("is not another's, by whatever, which is told as what is not there", async () => {
    const other = here.docker.add('other');
    for (const name of [other, 'other', other.slice(0, 12), 'nothing', idOf('nothing')])
      expect(await seen(name)).toEqual(notThere(name));
  });

  it("is found where another's id begins the same", async () => {
    const own = await here.create('own');
    const other = here.docker.add('other', { Id: own.slice(0, 20) + '0'.repeat(44) });
    here.docker.containers.reverse();
    expect(await seen(own.slice(0, 12))).toBe(own);
    expect(await seen(other)).toEqual(notThere(other));
    // Two of its own begin so.
    here.gate.own.add(other, { network: 'none' });
    here.docker.says.set(`GET /containers/${own.slice(0, 12)}/json`, [404, { message: 'several' }]);
    expect(await seen(own.slice(0, 12))).toEqual(notThere(own.slice(0, 12)));
    expect(await seen(own.slice(0, 24))).toBe(own);
  });

  it('is told as not known where the engine does not say', async () => {
    const id = await here.create('own');
    here.docker.says.set('GET /containers/own/json', [500, { message: 'broken' }]);
    expect(await seen('own')).toEqual([500, 'jobgate: the engine cannot say which container that is']);
    expect(await seen(id)).toBe(id);
  });

  it('has no name that the engine would take for something else', async () => {
    await here.gate.own.ready();
    const before = here.engine.asked.length;
    for (const name of ['-x', '_x', 'a:b', 'a@b', 'a+b', '~'])
      expect(await seen(name)).toEqual(notThere(name));
    expect(here.engine.asked.length).toBe(before);
  });

  it("is all that may be changed where others' may be looked at", async () => {
    await using open = await gateHere(READ_OTHERS);
    const other = open.docker.add('other');
    open.docker.says.set(`GET /containers/${other}/top`, [200, {}]);
    expect(await seen('other', open)).toBe(other);
    expect((await open.ask('/containers/other/top')).status).toBe(200);
    for (const [method = '', path] of [
      ['DELETE', ''],
      ['POST', '/start'],
      ['POST', '/exec'],
      ['POST', '/wait'],
      ['POST', '/attach'],
    ])
      expect(
        await open.ask(`/containers/other${path}`, { method, ...(method === 'POST' && { body: {} }) }),
      ).toMatchObject({
        status: 404,
        body: { message: 'No such container: other' },
      });
    expect(open.docker.containers).toHaveLength(1);
  });
});

describe('after a start, and while the engine changes', () => {
  const mark = (more = '', NetworkMode = 'none') => ({
    HostConfig: { ContainerIDFile: `jobgate-gate-${GATE}${more}`, NetworkMode },
  });

  it('what is its own is known by the mark that it was made with, and by nothing else', async () => {
    const docker = new FakeDocker();
    const own = docker.add('own', mark());
    const ofGateway = docker.add('of-gateway', mark('-5e7', 'net'));
    const others = [
      docker.add('other-gate', { HostConfig: { ContainerIDFile: `jobgate-gate-${GATE.slice(1)}` } }),
      docker.add('longer', mark('0')),
      docker.add('label', { Config: { Labels: { ContainerIDFile: `jobgate-gate-${GATE}` } } }),
      docker.add('none', { HostConfig: { NetworkMode: 'none' } }),
    ];
    await using started = await gateHere({}, docker);
    for (const id of [own, ofGateway]) expect(await seen(id, started)).toBe(id);
    for (const id of others) expect(await seen(id, started)).toEqual(notThere(id));
    expect([...started.gate.own.containers]).toEqual(
      expect.arrayContaining([
        [own, { network: 'none' }],
        [ofGateway, { network: 'net', gateway: '5e7' }],
      ]),
    );
    const looks = started.times(`GET /containers/${others[0]}/json`);
    await started.gate.own.look();
    // What it was created with does not change.
    expect(started.times(`GET /containers/${others[0]}/json`)).toBe(looks);
  });

  it('what cannot be seen is asked for again, and nothing is told before', async () => {
    const docker = new FakeDocker();
    const own = docker.add('own', mark());
    docker.says.set(`GET /containers/${own}/json`, [500, { message: 'busy' }]);
    await using started = await gateHere({}, docker);
    expect(await seen('own', started)).toEqual([500, 'jobgate: the engine does not say what it has']);
    expect(started.logged).toContainEqual([
      'debug',
      expect.anything(),
      'what the engine has cannot be seen now',
    ]);
    docker.says.clear();
    expect(await seen('own', started)).toBe(own);
  });

  it('what went meanwhile is nobody’s', async () => {
    const docker = new FakeDocker();
    const gone = docker.add('gone', mark());
    docker.says.set(`GET /containers/${gone}/json`, [404, { message: 'gone' }]);
    await using started = await gateHere({}, docker);
    expect((await started.ask('/containers/json')).body).toEqual([]);
    const id = await started.create('own');
    docker.containers.length = 0;
    await started.gate.own.look();
    expect(started.gate.own.has(id)).toBe(false);
    expect(started.gate.own.had(id)).toBe(true);
    expect(started.gate.own.had(gone)).toBe(false);
    expect(started.gate.own.had(undefined)).toBe(false);
  });
});

describe('the gateway of a container', () => {
  it('is the one that it was made for, also by the network of another container', async () => {
    const id = await here.create('own', { Labels: DOMAINS });
    const { own } = here.gate;
    const served = here.served('own');
    const joined = await here.create('joined', { HostConfig: { NetworkMode: 'container:own' } });
    expect(own.gatewayOf(joined)).toBe(served);
    expect(own.networkOf(joined)).toBe(served?.gateway.network.name);
    const network = served?.gateway.network;
    own.add(id, { network: network?.id ?? '' });
    expect(own.gatewayOf(id)).toBe(served);
    // Another that has got the same name since.
    own.add(id, { network: network?.name ?? '', gateway: 'another' });
    expect(own.gatewayOf(id)).toBeUndefined();
    expect(own.gatewayOf('unknown')).toBeUndefined();
    expect(own.networkOf('unknown')).toBeUndefined();
  });

  it('is closed when its container is removed, and only then', async () => {
    const one = await here.create('one', { Labels: DOMAINS });
    await here.create('two', { Labels: DOMAINS });
    here.gate.removed(idOf('unknown'));
    here.gate.removed(one);
    await expect.poll(() => here.served('one')).toBeUndefined();
    expect(here.served('two')?.state).toBe('open');
    await here.post('/networks/create', { Name: 'mine', Labels: DOMAINS }, 201);
    here.gate.removed(await here.create('three', { HostConfig: { NetworkMode: 'mine' } }));
    await new Promise(setImmediate);
    expect(here.served('mine')?.state).toBe('open');
  });
});

describe('a network', () => {
  it('is by its id, name, or the beginning of the id', async () => {
    const { Id } = await here.post('/networks/create', { Name: 'mine', Labels: DOMAINS }, 201);
    // Named like the beginning of the other's id.
    const two = await here.post('/networks/create', { Name: Id.slice(0, 6), Labels: DOMAINS }, 201);
    const { own } = here.gate;
    const by = (name: string) => own.network(name).gateway.network.id;
    expect([Id, 'mine', Id.slice(0, 10)].map(by)).toEqual([Id, Id, Id]);
    expect(by(Id.slice(0, 6))).toBe(two.Id);
    for (const name of ['', 'min', 'network', 'zz'])
      expect(() => own.network(name)).toThrow(`network ${name} not found`);
  });
});

describe('a command in a container', () => {
  it('is known where its container is its own', async () => {
    const own = await here.create('own');
    const exec = idOf('exec');
    const is = (ContainerID: string) =>
      here.docker.says.set(`GET /exec/${exec}/json`, [200, { ID: exec, ContainerID }]);
    is(own);
    expect((await here.ask(`/exec/${exec}/json`)).body).toEqual({ ID: exec, ContainerID: own });
    is(here.docker.add('other'));
    expect(await here.ask(`/exec/${exec}/json`)).toMatchObject({
      status: 404,
      body: { message: `No such exec instance: ${exec}` },
    });
    const before = here.engine.asked.length;
    for (const odd of ['x', exec.slice(1), `${exec}0`, exec.toUpperCase()])
      expect((await here.ask(`/exec/${odd}/json`)).body.message).toBe(`No such exec instance: ${odd}`);
    expect(here.engine.asked.length).toBe(before);
  });

  it("and another's is where the operator says so, to look at", async () => {
    await using open = await gateHere(READ_OTHERS);
    const exec = idOf('exec');
    open.docker.says.set(`GET /exec/${exec}/json`, [200, { ContainerID: open.docker.add('other') }]);
    expect((await open.ask(`/exec/${exec}/json`)).status).toBe(200);
    expect((await open.ask(`/exec/${exec}/start`, { body: {} })).status).toBe(404);
  });
});
