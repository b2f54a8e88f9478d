import { networkInterfaces } from 'node:os';
import { expect, it } from 'vitest';
import { openOwner } from '../../docker/gateway/owner.js';
import { DEFAULT_OPERATOR_POLICY } from '../../proxy/policy/policy.js';
import { Cleanup } from '../support/cleanup.js';
import { cli, startCli } from '../support/cli.js';
import { describeE2e, docker, JOB_IMAGE } from '../support/e2e.js';
import { startGate } from '../support/gate.js';
import { openEngine, startPlain } from '../support/isolated-job.js';
import { testGateways } from '../support/placement.js';
import { startServe } from '../support/serve.js';
import { openServed, startBehind } from '../support/served-job.js';
import { expectHeld, verifyHere } from '../support/verify.js';

/** What lets a serve's proxies find verify's names, and reach its origin. */
const WITH_ORIGIN = ['--dns', '203.0.113.53', '--allow-address', '203.0.113.50/32'];

describeE2e('a hostile job finds no way out', () => {
  it('of a gateway as run opens it, and nothing of it stays', async () => {
    const what = ['ps', '-aq'] as const;
    const before = [await docker(...what), await docker('network', 'ls', '-q')];
    const held = await verifyHere([], { JOBGATE_LIMIT_CONNECTIONS: '200' });
    expectHeld(held);
    expect(held.titles('held', 'connections')).toHaveLength(2);
    expect([await docker(...what), await docker('network', 'ls', '-q')]).toEqual(before);
    expect(Object.keys(networkInterfaces()).filter((name) => name.startsWith('jgv-'))).toEqual([]);
  });

  it('of a gateway of a serve', async () => {
    await using serve = await startServe(WITH_ORIGIN);
    expectHeld(await verifyHere(['--serve', `unix:${serve.socket}`]));
    expect((await serve.ask('/v1/gateways')).body.gateways).toEqual([]);
  });

  it('of a container that came through the gate', async () => {
    await using gate = await startGate(...WITH_ORIGIN);
    expectHeld(await verifyHere(['--docker-host', gate.host]));
    expect(await gate.docker('ps', '-aq')).toBe('');
  });

  it('of a container that runs already, tried by a command', async () => {
    await using cleanup = new Cleanup();
    const serve = cleanup.use(await startServe(WITH_ORIGIN));
    const network = { Domains: ['.jobgate-verify.test', '203.0.113.50'] };
    const name = await startBehind(cleanup, await openServed(cleanup, serve, { jobId: 'j', network }));
    const { code, titles } = await verifyHere(['--inside', `docker exec -i ${name}`]);
    expect(titles('leaks')).toEqual([]);
    // Where its resolvers pass questions on to.
    expect(titles('unknown')).toHaveLength(1);
    expect(titles('unknown', 'names')).toHaveLength(1);
    expect(code).toBe(125);
  });

  it('nor of one that can make frames by hand, which no job can', async () => {
    await using cleanup = new Cleanup();
    const engine = await openEngine();
    const owner = cleanup.use(await openOwner('run'));
    const policy = { job: { job: 'j', allow: [], rate: null }, operator: DEFAULT_OPERATOR_POLICY };
    // A serve would take it off the network.
    const { network } = cleanup.use(await testGateways()({ engine, owner, policy }));
    const name = await startPlain(cleanup, '--network', network.name, JOB_IMAGE, 'sleep', '600');
    const { report, titles } = await verifyHere(['--inside', `docker exec -i ${name}`]);
    expect(titles('held', 'this host')).toContain('hand-made frames');
    const sent = report.lines.find(({ title }) => title === 'hand-made frames')?.tries ?? [];
    expect(sent.length).toBeGreaterThan(3);
    for (const one of sent) expect(one).toMatchObject({ outcome: 'silent', detail: 'sent by eth0' });
  });

  it('nor does anything stay of one that is interrupted', async () => {
    const made = () => Promise.all([docker('ps', '-aq'), docker('network', 'ls', '-q')]);
    const before = await made();
    const verify = startCli(['verify']);
    await expect.poll(async () => (await made())[1]).not.toBe(before[1]);
    verify.child.kill('SIGTERM');
    expect((await verify.done).code).toBe(143);
    expect(await made()).toEqual(before);
  });

  it('and of one that is killed, the next sweep removes all', async () => {
    const before = await docker('ps', '-aq');
    const verify = startCli([
      'verify',
      '--docker-host',
      process.env.DOCKER_HOST ?? 'unix:///var/run/docker.sock',
    ]);
    // The one that publishes a port, and the other job.
    const made = async () =>
      (await docker('ps', '-q')).split('\n').filter((id) => id && !before.includes(id));
    await expect.poll(async () => (await made()).length).toBeGreaterThan(1);
    verify.child.kill('SIGKILL');
    await verify.done;
    expect(await made()).not.toEqual([]);
    expect(await cli(['clean'])).toMatchObject({ code: 0 });
    expect(await docker('ps', '-aq')).toBe(before);
  });

  it('and what a serve as it is in the field does not let verify control, is unknown', async () => {
    const mine = ['--add-host', 'mine.example.com:203.0.113.50', '--allow-address', '203.0.113.50/32'];
    await using serve = await startServe(mine);
    const named = ['--public-name', 'mine.example.com'];
    const { code, titles } = await verifyHere(['--serve', `unix:${serve.socket}`, ...named]);
    expect(code).toBe(125);
    expect(titles('leaks')).toEqual([]);
    expect(titles('unknown', 'the outside')).toEqual([]);
    expect(titles('unknown', 'this host')).toEqual([]);
    expect(titles('unknown')).toEqual([
      'a name that is not declared, asked of every resolver',
      'declared names that resolve to them',
      'declared names that change their address (rebinding)',
      'a tunnel with anything but TLS and HTTP',
      'TLS for another name than the tunnel (SNI)',
    ]);
    expect(titles('held', 'with names of yours')).toHaveLength(3);
  });
});
