import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest';
import { machineIpv4Addresses } from '../../proxy/decide/machine-addresses.js';
import { gatewayBody, labelsOf } from '../stock-node/bodies.js';
import { nameOf, type StockNode } from '../stock-node/stock-node.js';
import { Cleanup } from '../support/cleanup.js';
import { describeE2e, docker, JOB_IMAGE } from '../support/e2e.js';
import { newName, startGate, type TestGate } from '../support/gate.js';
import { GREETER, type HostServices, startHostServices } from '../support/host-services.js';
import { startPlain } from '../support/isolated-job.js';
import { probe, tcp, udp } from '../support/probe.js';
import { offerImage } from '../support/registry.js';
import { type Stage, startStage } from '../support/stage.js';
import { madeByNodes } from '../support/stock-gateway.js';
import { configured, finished, output, running, startNode } from '../support/stock-nodes.js';

const HTTP = { Type: 'HTTP', Domains: ['example.com'] };
const code = (name: string, url: string, more = '') =>
  `echo "${name} $(curl -sS -m 5 -o /dev/null -w '%{http_code}' ${more} ${url} 2>/dev/null)"`;

/** A node that knows of nothing but an engine's socket. The image of its gateways is on no engine here. */
describeE2e('a stock node whose engine is the gate', () => {
  const cleanup = new Cleanup();
  const own = new Cleanup();
  let stage: Stage;
  let gate: TestGate;
  let image: string;
  let node: StockNode;
  beforeAll(async () => {
    stage = cleanup.use(await startStage({ 'example.com': {}, 'other.com': {} }));
    image = await offerImage(cleanup, JOB_IMAGE);
    gate = cleanup.use(await startGate('--dns', stage.net.dns));
    node = await startNode(cleanup, gate.socket);
  });
  afterEach(async () => {
    await own[Symbol.asyncDispose]();
    expect(await madeByNodes()).toEqual([]);
    await vi.waitFor(async () => expect((await gate.serve.ask('/v1/gateways')).body.gateways).toEqual([]));
  });
  afterAll(() => cleanup[Symbol.asyncDispose]());

  it.each(['1.0.3', '1.4.0', '1.5.2', '1.7.0', '1.9.3'])(
    '%s: an HTTP job reaches the hosts that it names, whatever its program knows of proxies, and no others',
    async (version) => {
      const script = [
        code('allowed', 'http://example.com/'),
        code('direct', 'http://example.com/', "--noproxy '*'"),
        code('refused', 'http://other.com/'),
        code('address', `http://${stage.net.addresses['example.com']}/`, "--noproxy '*'"),
      ].join('\n');
      const at = await startNode(own, gate.socket, { version });
      const said = await output(at, { image, network: HTTP, script });
      expect(said.split('\n')).toEqual(['allowed 200', 'direct 200', 'refused 403', 'address 000']);
    },
  );

  it('it has variables with a scheme, in both cases, and those that the node set', async () => {
    const execution = await finished(node, {
      image,
      network: HTTP,
      command: ['env'],
      env: { MINE: 'yes' },
    });
    const variables = new Map(
      execution.stdout.split('\n').map((line) => line.split(/=(.*)/s) as [string, string]),
    );
    const proxy = variables.get('http_proxy');
    expect(proxy).toMatch(/^http:\/\/[\d.]+:\d+\/?$/);
    for (const name of ['HTTP_PROXY', 'https_proxy', 'HTTPS_PROXY']) expect(variables.get(name)).toBe(proxy);
    expect(Object.fromEntries(variables)).toMatchObject({
      MINE: 'yes',
      BACALHAU_PARTITION_INDEX: '0',
      BACALHAU_PARTITION_COUNT: '1',
      BACALHAU_EXECUTION_ID: execution.executionId,
      BACALHAU_JOB_ID: execution.jobId,
      BACALHAU_JOB_TYPE: 'batch',
    });
  });

  it("origins are told the job's id, not what the job says, and the node's log what was decided", async () => {
    await stage.net.forget();
    const job = node.run({
      image,
      network: HTTP,
      command: [
        'bash',
        '-c',
        "curl -s -H 'X-Bacalhau-Job-ID: forged' http://example.com/; curl -s http://other.com/; sleep 1",
      ],
    });
    await job.done;
    const [request, ...more] = await stage.net.requests();
    expect(more).toEqual([]);
    expect(request?.headers).toMatchObject({ 'x-bacalhau-job-id': job.jobId });
    const log = node.log.filter((line) => line.startsWith('DBG '));
    expect(log.find((line) => line.includes('example.com'))).toContain('allowed');
    expect(log.find((line) => line.includes('other.com'))).toContain('denied');
  });

  it('of the host, of other jobs and of what lies outside nothing is reached', async () => {
    const services: HostServices = await startHostServices(own);
    const plain = await startPlain(own, JOB_IMAGE, 'sleep', '600');
    const job = { image, network: HTTP, command: ['node', '-e', GREETER] };
    const [first, second] = await Promise.all([running(node, job), running(node, job)]);
    const [one, two] = [nameOf(first, 'executor'), nameOf(second, 'executor')];
    const addressOf = async (name: string) =>
      (
        await docker('inspect', '--format', '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}', name)
      ).trim();
    const siblings = [tcp(await addressOf(two), 8080), tcp(await addressOf(plain), 8080)];
    const outside = tcp(stage.net.addresses['example.com'] ?? '', 80);
    const host = machineIpv4Addresses().flatMap((address) => [
      tcp(address, services.tcp),
      udp(address, services.udp),
      tcp(address, services.published),
    ]);
    const open = async (from: string, targets: Parameters<typeof probe>[1]) =>
      (await probe(from, targets)).filter(({ result }) => result === 'open');
    expect(await open(one, [...host, ...siblings, outside])).toEqual([]);
    expect((await open(plain, [...host, outside])).length).toBeGreaterThan(3);
    expect(await open(two, siblings.slice(0, 1))).toHaveLength(1);
    first.cancel();
    second.cancel();
    await Promise.all([first.done, second.done]);
  });

  it('a job without networks, or with None, has none; Bridge is no bridge', async () => {
    const script = `cat /proc/net/dev; ${code('out', `http://${stage.net.addresses['example.com']}/`)}`;
    for (const network of [undefined, { Type: 'None' }, { Type: 'Bridge' }]) {
      const said = await output(node, { image, script, ...(network && { network }) });
      expect(said, network?.Type).toContain('out 000');
      expect(said, network?.Type).not.toContain('eth0');
    }
    expect(await output(node, { image, script: 'cat /proc/net/dev', network: HTTP })).toContain('eth0');
    const engine = (process.env.DOCKER_HOST ?? '').replace('unix://', '');
    const alone = await startNode(own, engine);
    expect(await output(alone, { image, script })).toContain('out 200');
  });

  it('with Gate.Default, a job that says nothing reaches what that names', async () => {
    const options = configured(own, { Gate: { Default: ['example.com'] } });
    const other = own.use(await startGate('--dns', stage.net.dns, ...options));
    const at = await startNode(own, other.socket);
    const script = `${code('allowed', 'http://example.com/')}; ${code('refused', 'http://other.com/')}`;
    expect(await output(at, { image, script })).toBe('allowed 200\nrefused 403');
    const none = await output(at, { image, script, network: { Type: 'None' } });
    expect(none).toBe('allowed 000\nrefused 000');
  });

  it("the host's network is refused, unless the operator gives it", async () => {
    const job = { image, network: { Type: 'Host' } };
    const refused = await finished(node, { ...job, command: ['true'] });
    expect(refused.state).toBe('failed');
    expect(refused.message).toMatch(/jobgate: .*host/);
    const options = configured(own, { Gate: { HostNetwork: true } });
    const other = own.use(await startGate(...options));
    const at = await startNode(own, other.socket);
    expect(await output(at, { ...job, script: 'cat /proc/net/dev' })).toContain('docker0');
  });

  it('what admission refuses is refused when the node asks, and when it does not ask', async () => {
    const options = configured(own, { JobAdmissionControl: { AllowedDomains: ['example.com'] } });
    const other = own.use(await startGate('--dns', stage.net.dns, ...options));
    // A node knows no sockets.
    const forward = createServer((socket) => {
      const api = connect(other.serve.socket);
      for (const [a, b] of [
        [socket, api],
        [api, socket],
      ] as const)
        a.pipe(b).on('error', () => a.destroy());
    }).listen(0, '127.0.0.1');
    own.add(() => forward.close());
    await once(forward, 'listening');
    const probed = `http://127.0.0.1:${(forward.address() as AddressInfo).port}/v1/admission`;
    const asks = await startNode(own, other.socket, { probe: probed });
    const silent = await startNode(own, other.socket);
    const bad = { image, command: ['true'], network: { Type: 'HTTP', Domains: ['other.com'] } };
    const rejected = await finished(asks, bad);
    expect(rejected.state).toBe('rejected');
    expect(rejected.message).toContain('rejected bid: this node does not accept');
    const failed = await finished(silent, bad);
    expect(failed.state).toBe('failed');
    expect(failed.message).toContain('this node does not accept');
    for (const at of [asks, silent]) {
      const script = code('allowed', 'http://example.com/');
      expect(await output(at, { image, script, network: HTTP })).toBe('allowed 200');
    }
    await other.docker('network', 'ls');
  });

  it('a job is held to the gateway that it was admitted for, and nobody else gets to that', async () => {
    const ids = { nodeId: 'n-swap', jobId: 'j-swap', executionId: 'e-swap' };
    const labels = labelsOf(ids);
    const label = Object.entries(labels).flatMap(([name, value]) => ['--label', `${name}=${value}`]);
    const network = nameOf(ids, 'network');
    const open = async (domain: string) => {
      const body = { ...gatewayBody(ids, '', [domain], { gatewayCapability: 'NET_ADMIN' } as never) };
      const made = await gate.ask(`/containers/create?name=${nameOf(ids, 'gateway')}`, { body });
      expect(made.status).toBe(201);
      return String(made.body.Id);
    };
    const remove = (id: string) => gate.ask(`/containers/${id}?force=1`, { method: 'DELETE' });
    own.add(() => gate.tryDocker(['rm', '-f', nameOf(ids, 'executor'), nameOf(ids, 'gateway')]));
    own.add(() => gate.tryDocker(['network', 'rm', network]));

    let id = await open('example.com');
    const executor = ['--name', nameOf(ids, 'executor'), ...label, '--network', network];
    await gate.docker('create', ...executor, image, 'true');
    await remove(id);
    id = await open('other.com');
    const started = await gate.tryDocker(['start', nameOf(ids, 'executor')]);
    expect(started.stderr).toContain('its gateway is gone: create the container anew');
    // One that was made for it starts.
    await gate.docker('rm', nameOf(ids, 'executor'));
    await gate.docker('create', ...executor, image, 'true');
    await gate.docker('start', '-a', nameOf(ids, 'executor'));

    const plain = newName('plain');
    own.add(() => gate.tryDocker(['network', 'rm', plain]));
    await gate.docker('network', 'create', plain);
    const HostConfig = { NetworkMode: plain };
    const NetworkingConfig = { EndpointsConfig: { [plain]: {}, [network]: {} } };
    const two = await gate.ask('/containers/create', {
      body: { Image: image, Cmd: ['true'], HostConfig, NetworkingConfig },
    });
    expect([two.status, two.body.message]).toEqual([400, `network ${network} not found`]);
    await gate.docker('rm', '-f', nameOf(ids, 'executor'));
    await remove(id);
  });

  it('50 jobs at once have a gateway each, and leave nothing', async () => {
    const pace = await startNode(own, gate.socket, { pollMs: 1000 });
    const hosts = ['example.com', 'other.com'];
    const script = hosts.map((host) => code(host, `http://${host}/`, '-m 60')).join('\n');
    const said = await Promise.all(
      Array.from({ length: 50 }, (_, i) =>
        output(pace, { image, script, network: { Type: 'HTTP', Domains: [hosts[i % 2] as string] } }),
      ),
    );
    const expected = ['example.com 200\nother.com 403', 'example.com 403\nother.com 200'];
    expect(said).toEqual(Array.from({ length: 50 }, (_, i) => expected[i % 2]));
  });

  it('two nodes on one engine do not touch what is the other’s', async () => {
    const neighbour = await startNode(own, gate.socket);
    const stays = await running(neighbour, { image, network: HTTP, command: ['sleep', '600'] });
    const script = `${code('allowed', 'http://other.com/')}; ${code('refused', 'http://example.com/')}`;
    const network = { Type: 'HTTP', Domains: ['other.com'] };
    expect(await output(node, { image, network, script })).toBe('allowed 200\nrefused 403');
    const asked = ['exec', nameOf(stays, 'executor'), 'bash', '-c'];
    expect(await gate.docker(...asked, code('allowed', 'http://example.com/'))).toBe('allowed 200');
    expect(await gate.docker(...asked, code('refused', 'http://other.com/'))).toBe('refused 403');
    stays.cancel();
    await stays.done;
  });
});
