import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { expect, it } from 'vitest';
import { defaultGatewayImage } from '../../docker/image/gateway-image.js';
import { Cleanup } from '../support/cleanup.js';
import { describeE2e, docker, JOB_IMAGE } from '../support/e2e.js';
import { startServe } from '../support/serve.js';
import { verifyHere } from '../support/verify.js';

const engine = () => ['--docker-host', process.env.DOCKER_HOST ?? 'unix:///var/run/docker.sock'];
const HOST = ['TCP', 'UDP', 'ICMP'];
const FRAMES = 'hand-made frames';

describeE2e('what leaks is found', () => {
  it("on Docker's default bridge", async () => {
    const { code, titles } = await verifyHere(engine());
    expect(code).toBe(1);
    expect(titles('leaks', 'the outside')).toEqual(
      expect.arrayContaining(['TCP', 'UDP', 'QUIC (UDP 443)', 'DNS', 'ICMP', 'metadata services']),
    );
    expect(titles('leaks', 'this host')).toEqual(
      expect.arrayContaining([
        ...HOST,
        'UDP, bound to the device',
        "another container's published port",
        'forged source addresses',
        FRAMES,
      ]),
    );
    expect(titles('leaks', 'another job')).toEqual([...HOST, FRAMES]);
    expect(titles('leaks', 'names')).toHaveLength(1);
  });

  it('in a container that runs already, by a command', async () => {
    await using cleanup = new Cleanup();
    const name = `test-inside-${randomBytes(4).toString('hex')}`;
    await docker('run', '-d', '--name', name, JOB_IMAGE, 'sleep', '600');
    cleanup.add(() => docker('rm', '-f', name));
    const { code, titles } = await verifyHere(['--inside', `docker exec -i ${name}`]);
    expect(code).toBe(1);
    expect(titles('leaks', 'the outside')).toEqual(expect.arrayContaining(['TCP', 'UDP', 'ICMP']));
    expect(titles('leaks', 'this host')).toEqual(expect.arrayContaining(HOST));
  });

  it('on a network that Docker calls internal', async () => {
    await using cleanup = new Cleanup();
    const network = await internal(cleanup);
    const { code, titles } = await verifyHere([...engine(), '--network', network]);
    expect(code).toBe(1);
    expect(titles('leaks', 'this host')).toEqual(expect.arrayContaining(HOST));
    expect(titles('leaks', 'another job')).toEqual([...HOST, FRAMES]);
    expect(titles('held', 'the outside')).toEqual(expect.arrayContaining(['TCP', 'UDP', 'DNS', 'ICMP']));
  });

  it('behind a stock HTTP gateway: a proxy in a container, on an internal network for each job', async () => {
    await using cleanup = new Cleanup();
    const [network, other] = [await internal(cleanup), await internal(cleanup)];
    const proxy = `test-proxy-${randomBytes(4).toString('hex')}`;
    const run = ['run', '-d', '--name', proxy, defaultGatewayImage(), 'proxy', '--listen', '0.0.0.0:8080'];
    const origin = [
      '--dns',
      '203.0.113.53',
      '--allow-address',
      '203.0.113.50/32',
      '--domain',
      '203.0.113.50',
    ];
    await docker(...run, '--allow-client', '0.0.0.0/0', ...origin, '--domain', '.jobgate-verify.test');
    cleanup.add(() => docker('rm', '-f', proxy));
    for (const one of [network, other]) await docker('network', 'connect', one, proxy);
    const address = await docker(
      'inspect',
      '-f',
      `{{(index .NetworkSettings.Networks "${network}").IPAddress}}`,
      proxy,
    );
    const networks = ['--network', network, '--neighbour-network', other];
    const { code, titles } = await verifyHere([
      ...engine(),
      ...networks,
      '--proxy',
      `http://${address}:8080`,
      '--rate',
      '10mbit',
    ]);
    expect(code).toBe(1);
    expect(titles('leaks', 'this host')).toEqual(expect.arrayContaining(HOST));
    // The proxy is jobgate's here, and holds; its rate is one for all of its clients.
    expect(titles('leaks', 'through the proxy')).toEqual([]);
    expect(titles('held', 'through the proxy').length).toBeGreaterThan(8);
  });

  it('behind a gateway of jobgate whose rules for the host are flushed again and again', async () => {
    const there = (await docker('ps', '-q')).split('\n').filter(Boolean).length;
    // Not before the job runs: a gateway does not open behind rules that do not stay.
    const flush = `
      until [ "$(docker ps -q | wc -l)" -ge ${there + 3} ]; do sleep 0.05; done
      while sleep 0.05; do for t in filter security; do iptables -w -t $t -F JOBGATE-INPUT; done; done`;
    const child = spawn('bash', ['-c', flush], { stdio: 'ignore' });
    try {
      const { code, titles } = await verifyHere(['--gateway', 'host']);
      expect(code).toBe(1);
      // Rules are put back meanwhile: a packet that is sent once may find them there.
      expect(titles('leaks', 'this host')).toContain('UDP');
      expect(titles('held', 'the outside')).toContain('TCP');
    } finally {
      child.kill('SIGKILL');
    }
  });

  it('behind a gateway of jobgate whose rule for addresses has a hole', async () => {
    const hole = ['--allow-address', '127.0.0.0/8', '--add-host', 'mine.example.com:127.0.0.1'];
    const { code, titles } = await verifyHere([
      '--gateway',
      'host',
      ...hole,
      '--public-name',
      'mine.example.com',
    ]);
    expect(code).toBe(1);
    expect(titles('leaks')).toEqual([
      'declared names that resolve to them',
      'declared names that change their address (rebinding)',
      'mine.example.com, should it lead to this host (rebinding)',
    ]);
  });

  it('behind a gateway of a serve that lets in more connections than is promised', async () => {
    await using serve = await startServe(['--dns', '203.0.113.53', '--allow-address', '203.0.113.50/32']);
    const promised = { JOBGATE_LIMIT_CONNECTIONS: '20', JOBGATE_LIMIT_CONNECTIONS_PER_SECOND: '50' };
    const { code, titles } = await verifyHere(['--serve', `unix:${serve.socket}`], promised);
    expect(code).toBe(1);
    expect(titles('leaks')).toEqual(['open at once, at most 20', 'new ones, at most 50 per second']);
  });

  it('behind a gateway of jobgate that does not look into tunnels', async () => {
    const { code, titles } = await verifyHere([], { JOBGATE_CHECK_TUNNELS: 'false' });
    expect(code).toBe(1);
    expect(titles('leaks')).toEqual([
      'a tunnel with anything but TLS and HTTP',
      'TLS for another name than the tunnel (SNI)',
      'another host in Host',
    ]);
  });
});

async function internal(cleanup: Cleanup): Promise<string> {
  const name = `test-internal-${randomBytes(4).toString('hex')}`;
  await docker('network', 'create', '--internal', name);
  cleanup.add(() => docker('network', 'rm', name));
  return name;
}
