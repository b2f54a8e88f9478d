import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { gatewayBody, jobBody, labelsOf, nameOf, networkBody } from '../../../stock-node/bodies.js';
import { traitsOf } from '../../../stock-node/versions.js';
import { type GateHere, gateHere } from '../../../support/gate-here.js';
import { open } from '../../../support/serve.js';

const ids = { nodeId: 'n-1', jobId: 'j-1', executionId: 'e-1' };
const other = { ...ids, executionId: 'e-2' };
const traits = traitsOf('1.9.0');
const CREATE = '/v1.51/containers/create';
const [network, gateway, executor] = (['network', 'gateway', 'executor'] as const).map((part) =>
  nameOf(ids, part),
) as [string, string, string];

let here: GateHere;
beforeEach(async () => {
  here = await gateHere({ JOBGATE_GATE_HOST_NETWORK: 'true' });
});
afterEach(() => here[Symbol.asyncDispose]());

const makeNetwork = async (of = ids) =>
  (await here.post('/networks/create', networkBody(of, '1.51'), 201)).Id;
const askGateway = (body: object, status: number, of = ids) =>
  here.post(`${CREATE}?name=${nameOf(of, 'gateway')}`, body, status);
const makeGateway = async (domains: readonly string[] = ['example.com'], of = ids) => {
  const subnet = (await here.ask(`/networks/${nameOf(of, 'network')}`)).body.IPAM.Config[0].Subnet;
  return (await askGateway(gatewayBody(of, subnet, domains, traits), 201, of)).Id;
};
const makeJob = async (place: Parameters<typeof jobBody>[2], status = 201) =>
  here.post(`${CREATE}?name=${executor}`, jobBody(ids, { image: 'image' }, place, traits), status);
const status = async (path: string, method = 'GET') => (await here.ask(path, { method })).status;

describe("a node's network", () => {
  it('waits for its gateway, and the engine does not have it', async () => {
    const Id = await makeNetwork();
    expect(Id).toMatch(/^[0-9a-f]{64}$/);
    for (const name of [network, Id, Id.slice(0, 12)])
      expect((await here.ask(`/networks/${name}`)).body).toMatchObject({
        ...{ Name: network, Id, Driver: 'bridge', Scope: 'local', Internal: true, Containers: {} },
        Labels: labelsOf(ids),
      });
    const subnet = async (of: typeof ids) =>
      (await here.ask(`/networks/${nameOf(of, 'network')}`)).body.IPAM.Config[0].Subnet;
    await makeNetwork(other);
    expect(await subnet(ids)).not.toBe(await subnet(other));
    expect(here.docker.networks).toHaveLength(3);
    const names = async (filters: object) =>
      (await here.ask(`/networks?${new URLSearchParams({ filters: JSON.stringify(filters) })}`)).body
        .map(({ Name }: { Name: string }) => Name)
        .slice(3);
    expect(await names({})).toEqual([network, nameOf(other, 'network')]);
    expect(await names({ label: [`bacalhau-executionID=bacalhau-${ids.nodeId}e-1`] })).toEqual([network]);
    expect(await names({ name: [network] })).toEqual([]);
    expect((await here.post('/networks/create', networkBody(ids, '1.51'), 409)).message).toContain('exists');
    expect((await makeJob({ network, proxy: 'p' }, 409)).message).toBe(
      `jobgate: network ${network} has no gateway yet: make that first`,
    );
    expect(await status(`/networks/${network}`, 'DELETE')).toBe(204);
    expect(await status(`/networks/${network}`)).toBe(404);
  });
});

describe("a node's gateway container", () => {
  it('is a gateway with its domains, answered for as a container', async () => {
    const networkId = await makeNetwork();
    const Id = await makeGateway(['Example.com', '.example.org']);
    const served = here.served(network);
    expect(served?.policy).toMatchObject({
      ...{ job: 'j-1', execution: 'e-1', allow: ['example.com', '.example.org'] },
    });
    expect(here.times('POST /containers/create')).toBe(0);
    const inspect = async () => (await here.ask(`/containers/${gateway}/json`)).body;
    expect(await inspect()).toMatchObject({
      ...{
        Id,
        Name: `/${gateway}`,
        State: { Status: 'created', Running: false, Health: { Status: 'starting' } },
      },
      NetworkSettings: { Networks: { [network]: { NetworkID: networkId } } },
    });
    expect(await status(`/containers/${Id}/start`, 'POST')).toBe(204);
    expect((await inspect()).State).toMatchObject({ Running: true, Health: { Status: 'healthy' } });
    expect((await here.ask('/containers/json?all=1')).body).toMatchObject([
      { Id, Names: [`/${gateway}`], State: 'running', Status: 'Up (healthy)' },
    ]);
    for (const verb of ['stop', 'kill']) expect(await status(`/containers/${Id}/${verb}`, 'POST')).toBe(204);
    expect(await inspect()).toMatchObject({ State: { Running: true } });
    if (served) served.state = 'failed';
    expect((await inspect()).State.Health.Status).toBe('unhealthy');
    expect((await here.post(`/containers/${gateway}/exec`, { Cmd: ['a'] }, 409)).message).toBe(
      "jobgate: this container is a gateway of jobgate's, and no container: there is no POST exec of it",
    );
  });

  it('is there once, by its name, its id or the beginning of that', async () => {
    await makeNetwork();
    await makeNetwork(other);
    const Id = await makeGateway();
    expect(await makeGateway(['example.com'], other)).not.toBe(Id);
    for (const name of [Id, gateway, Id.slice(0, 12)])
      expect((await here.ask(`/containers/${name}/json`)).body.Id).toBe(Id);
    expect(await status(`/containers/${Id.slice(0, 3)}/json`)).toBe(404);
    expect((await askGateway(gatewayBody(ids, '10.0.0.0/29', ['a.test'], traits), 409)).message).toBe(
      `Conflict. The container name "/${gateway}" is already in use by container "${Id}".`,
    );
  });

  it.each([
    [['BACALHAU_HTTP_DOMAINS=[]'], 'must be a JSON list'],
    [['BACALHAU_HTTP_DOMAINS={}'], 'must be a JSON list'],
    [['BACALHAU_HTTP_DOMAINS=[5]'], 'must be a JSON list'],
    [['BACALHAU_HTTP_DOMAINS=["a.test"'], 'must be a JSON list'],
    [[], 'must be a JSON list'],
    [['BACALHAU_HTTP_DOMAINS=["*"]'], 'BACALHAU_HTTP_DOMAINS'],
    [[`BACALHAU_HTTP_DOMAINS=["a.test"]${' '.repeat(65_536)}`], 'has more than 65536 characters'],
    [['BACALHAU_HTTP_DOMAINS=["a.test"]', 'BACALHAU_JOB_ID=j-2'], 'BACALHAU_JOB_ID is not that of'],
    [['BACALHAU_HTTP_DOMAINS=["a.test"]', 'BACALHAU_EXECUTION_ID=e-2'], 'BACALHAU_JOB_ID is not that of'],
  ])('with variables %j is refused', async (Env, problem) => {
    await makeNetwork();
    const body = gatewayBody(ids, '10.0.0.0/29', ['a.test'], traits);
    expect((await askGateway({ ...body, Env }, 403)).message).toContain(problem);
    expect(here.gate.own.gateways()).toEqual([]);
    await askGateway({ ...body, Env: ['BACALHAU_HTTP_DOMAINS=[]', 'BACALHAU_HTTP_DOMAINS=["a.test"]'] }, 201);
  });

  it('of another image, or another name, is an ordinary container', async () => {
    const body = { ...gatewayBody(ids, '10.0.0.0/29', ['a.test'], traits), HostConfig: {} };
    await askGateway({ ...body, Image: 'image' }, 201);
    await here.post(`${CREATE}?name=own`, body, 201);
    expect(here.times('POST /containers/create')).toBe(2);
    expect(here.gate.own.gateways()).toEqual([]);
  });

  it('is removed with its gateway, and its network then', async () => {
    const networkId = await makeNetwork();
    const Id = await makeGateway();
    const { body } = await here.ask(`/networks/${network}`, { method: 'DELETE' });
    expect(body.message).toBe(
      `error while removing network: network ${network} id ${networkId} has active endpoints`,
    );
    expect((await here.ask(`/networks/${networkId}`)).body.Id).toBe(networkId);
    expect(await status(`/containers/${Id}?force=1`, 'DELETE')).toBe(204);
    expect(here.gate.own.gateways()).toEqual([]);
    expect(await status(`/containers/${Id}/json`)).toBe(404);
    expect(await status(`/networks/${network}`, 'DELETE')).toBe(204);
    expect(await status(`/networks/${network}`)).toBe(404);
  });

  it('is connected to its network already, to which nothing else is', async () => {
    await makeNetwork();
    await makeGateway();
    await here.create('own');
    for (const verb of ['connect', 'disconnect']) {
      await here.post(`/networks/${network}/${verb}`, { Container: gateway }, 200);
      for (const Container of ['own', undefined])
        expect((await here.post(`/networks/${network}/${verb}`, { Container }, 403)).message).toBe(
          'jobgate: the network of a job is for its own container, which is created on it',
        );
    }
  });
});

describe("a node's job", () => {
  it('is made on its network, and nothing else of its own is told of variables that the node sets', async () => {
    await makeNetwork();
    await makeGateway();
    const served = here.served(network);
    const { Id } = await makeJob({ network, proxy: '10.0.0.1:3128' });
    expect(here.asked('POST /containers/create').body.HostConfig.NetworkMode).toBe(network);
    expect(here.gate.own.containers.get(Id)?.ofNode).toEqual({ node: 'n-1', job: 'j-1', execution: 'e-1' });
    expect(served?.job).toMatchObject({ id: 'j-1', executionId: 'e-1', engine: { image: 'image' } });
    expect(here.logged.filter(([level]) => level === 'warn')).toEqual([]);
    await here.ask(`/containers/${Id}`, { method: 'DELETE' });
    expect(here.served(network)).toBe(served);
  });

  it("gets the host's network where the operator lets it, and nobody else does", async () => {
    const { Id } = await makeJob('host');
    const { HostConfig, Env } = here.asked('POST /containers/create').body;
    expect(HostConfig).toMatchObject({ NetworkMode: 'host', CapDrop: ['NET_RAW', 'NET_ADMIN'] });
    for (const name of ['Dns', 'DnsOptions', 'DnsSearch']) expect(HostConfig).not.toHaveProperty(name);
    expect(Env.join()).not.toMatch(/proxy/i);
    expect(await status(`/containers/${Id}/start`, 'POST')).toBe(204);
    await using strict = await gateHere();
    const body = jobBody(ids, { image: 'image' }, 'host', traits);
    expect((await strict.post(`${CREATE}?name=${executor}`, body, 403)).message).toContain(
      'jobs of a Bacalhau node get it where Gate.HostNetwork is true',
    );
  });
});

describe("the logs of a node's gateway", () => {
  const decision = (more: object) =>
    here.gate.service.hub.publish({
      ...{ type: 'decision', time: 0, decision: 'deny', how: 'connect', method: 'CONNECT', host: 'a.test' },
      ...{ port: 443, reason: 'domain-not-allowed', gateway: here.served(network)?.id, ...more },
    } as never);
  const follow = async (query: string) => {
    const answer = await open(here.path, `/containers/${gateway}/logs?${query}`);
    const chunks: Buffer[] = [];
    answer.on('data', (chunk: Buffer) => chunks.push(chunk));
    const ended = new Promise((resolve) => answer.once('end', resolve));
    return { answer, text: () => Buffer.concat(chunks).toString('latin1'), ended };
  };
  beforeEach(async () => {
    await makeNetwork();
    await makeGateway();
  });
  const line = 'denied CONNECT a.test:443 domain-not-allowed\n';
  const frame = (text: string) => `\x01\0\0\0\0\0\0${String.fromCharCode(text.length)}${text}`;

  it.each([
    ['follow=1&stdout=1', frame(line)],
    ['follow=true&stdout=true&timestamps=1', frame(`1970-01-01T00:00:00.000Z ${line}`)],
    ['follow=1&stderr=1', ''],
  ])('with %s are its decisions, until it closes', async (query, expected) => {
    const { answer, text, ended } = await follow(query);
    expect(answer.headers['content-type']).toBe('application/vnd.docker.raw-stream');
    decision({ gateway: 'another' });
    decision({});
    await here.ask(`/containers/${gateway}`, { method: 'DELETE' });
    await ended;
    expect(text()).toBe(expected);
  });

  it('end at once where they are not followed, or it is not open', async () => {
    await (await follow('stdout=1')).ended;
    const served = here.served(network);
    if (served) served.state = 'failed';
    await (await follow('follow=1&stdout=1')).ended;
  });
});
