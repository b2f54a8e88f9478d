import { expect, it } from 'vitest';
import { type GateHere, gateHere } from '../../../support/gate-here.js';

const LOGS = { Type: 'json-file', Config: { 'max-size': '10m', 'max-file': '1' } };

async function hostOf(here: GateHere, HostConfig: object, more: object = {}) {
  await here.post('/containers/create', { Image: 'image', ...more, HostConfig }, 201);
  return here.asked('POST /containers/create').body.HostConfig;
}

it('what a container has of isolation is there whatever its client says, and added to that', async () => {
  await using here = await gateHere();
  expect(await hostOf(here, {})).toEqual({
    NetworkMode: 'none',
    CapAdd: [],
    CapDrop: ['NET_RAW', 'NET_ADMIN'],
    Privileged: false,
    SecurityOpt: ['no-new-privileges'],
    Sysctls: { 'net.ipv6.conf.all.disable_ipv6': '1', 'net.ipv6.conf.default.disable_ipv6': '1' },
    Dns: ['127.0.0.1'],
    DnsOptions: ['timeout:1', 'attempts:1'],
    DnsSearch: ['.'],
    PidsLimit: 4096,
    LogConfig: LOGS,
    RestartPolicy: { Name: 'no' },
    Binds: [],
    Mounts: [],
    ContainerIDFile: expect.stringMatching(/^jobgate-gate-/),
  });
  const host = await hostOf(here, {
    CapAdd: ['CHOWN'],
    CapDrop: ['ALL', 'NET_RAW'],
    SecurityOpt: ['seccomp=builtin', 'no-new-privileges:true'],
    Sysctls: { 'kernel.shmmax': '1' },
    Dns: ['192.0.2.1'],
    DnsSearch: ['example.com'],
    ContainerIDFile: '/x',
    RestartPolicy: { Name: 'always' },
    LogConfig: { Type: 'local', Config: { 'max-size': '1m' } },
  });
  expect(host).toMatchObject({
    CapAdd: ['CHOWN'],
    CapDrop: ['ALL', 'NET_RAW', 'NET_ADMIN'],
    SecurityOpt: ['no-new-privileges', 'seccomp=builtin'],
    Sysctls: { 'kernel.shmmax': '1', 'net.ipv6.conf.all.disable_ipv6': '1' },
    Dns: ['127.0.0.1'],
    DnsSearch: ['.'],
    RestartPolicy: { Name: 'always' },
    LogConfig: { Type: 'local', Config: { 'max-size': '1m' } },
  });
  expect(host.ContainerIDFile).not.toBe('/x');
});

it.each([
  [undefined, 4096],
  [0, 4096],
  [-1, 4096],
  [10, 10],
  [4096, 4096],
  [5000, 4096],
])('of processes it may have less: %s is %d', async (PidsLimit, limit) => {
  await using here = await gateHere();
  expect((await hostOf(here, { PidsLimit })).PidsLimit).toBe(limit);
});

it.each([
  [
    { Type: 'none', Config: {} },
    { Type: 'none', Config: {} },
  ],
  [{ Type: 'json-file', Config: { 'max-size': '5m', 'max-file': '2' } }, 'as asked'],
  [{ Type: 'json-file', Config: {} }, LOGS],
  [{ Type: 'json-file' }, LOGS],
  [{ Type: '', Config: { 'max-size': '5m' } }, LOGS],
])('its logs have a bound: %j', async (LogConfig, logs) => {
  await using here = await gateHere();
  expect((await hostOf(here, { LogConfig })).LogConfig).toEqual(logs === 'as asked' ? LogConfig : logs);
});

it("variables are its client's in their order, then the proxy's; without a value they take the image's away", async () => {
  await using here = await gateHere();
  const Env = ['B=2', 'A=1=1', 'GONE', 'no_proxy'];
  await hostOf(here, {}, { Labels: { 'jobgate.domains': 'example.com' }, Env });
  const list: string[] = here.asked('POST /containers/create').body.Env;
  expect(list.slice(0, 2)).toEqual(['B=2', 'A=1=1']);
  expect(list.at(-1)).toBe('GONE');
  expect(list).toContain('no_proxy=localhost,127.0.0.1,::1');
  expect(list).not.toContain('no_proxy');
  await hostOf(here, {}, { Env });
  expect(here.asked('POST /containers/create').body.Env).toEqual(Env);
});
