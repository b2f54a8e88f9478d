import { expect, it } from 'vitest';
import { judgeCreate } from '../../../../src/gate/create/judge.js';

const judge = (HostConfig: object, more: object = {}) =>
  judgeCreate({ Image: 'image', ...more, HostConfig }, { runtimes: [] });

it.each([
  { Sysctls: { 'kernel.shmmax': '1', 'kernel.msgmnb': '1', 'kernel.sem': '1', 'fs.mqueue.msg_max': '1' } },
  { OomScoreAdj: 500 },
  { OomScoreAdj: 0 },
  { CgroupnsMode: 'private' },
  { Ulimits: [{ Name: 'core', Soft: 1, Hard: 1 }] },
  { StorageOpt: { size: '1G' } },
  { Tmpfs: { '/x': 'size=1m' } },
])('of its own business it may say %j', (host) => {
  expect(judge(host).host).toMatchObject(host);
});

it.each([
  [{ Privileged: true }, 'HostConfig.Privileged: a privileged container is not isolated'],
  [{ Privileged: 'yes' }, 'HostConfig.Privileged must be true or false, not "yes"'],
  [
    { SecurityOpt: ['no-new-privileges', 'apparmor=unconfined'] },
    'HostConfig.SecurityOpt: "apparmor=unconfined" is not for clients of the gate',
  ],
  [{ SecurityOpt: ['no-new-privileges:false'] }, 'HostConfig.SecurityOpt: "no-new-privileges:false"'],
  [{ Sysctls: { 'net.ipv4.ip_forward': '1' } }, 'HostConfig.Sysctls: "net.ipv4.ip_forward" is not for'],
  [{ Sysctls: { 'kernel.shmmax': '1', 'kernel.panic': '1' } }, 'HostConfig.Sysctls: "kernel.panic"'],
  [{ Sysctls: { 'kernel.shm.x': '1' } }, 'HostConfig.Sysctls: "kernel.shm.x"'],
  [{ OomScoreAdj: -1 }, 'HostConfig.OomScoreAdj: must not be below zero'],
  [{ MaskedPaths: [] }, "HostConfig.MaskedPaths: the engine's own masks stay: leave it out"],
  [{ CgroupnsMode: 'host' }, "HostConfig.CgroupnsMode: the host's control groups"],
  [{ LogConfig: { Type: 'syslog' } }, 'HostConfig.LogConfig.Type: logs stay on this machine'],
  [
    { LogConfig: { Type: 'json-file', Config: { 'syslog-address': 'x' } } },
    'HostConfig.LogConfig.Config.syslog-address is not known here',
  ],
  [{ NetworkMode: 5 }, 'HostConfig.NetworkMode must be text'],
  [{ NetworkMode: 'ns:/proc/1' }, 'HostConfig.NetworkMode: "ns:/proc/1" is no network'],
  [{ VolumesFrom: ['a:ro:x'] }, 'HostConfig.VolumesFrom: "a:ro:x" is not as CONTAINER[:ro]'],
  [{ VolumesFrom: ['a:z'] }, 'HostConfig.VolumesFrom: "a:z" is not as'],
  [{ IpcMode: 'host' }, 'HostConfig.IpcMode: "host" leads out of the container'],
  [{ IpcMode: 5 }, 'HostConfig.IpcMode: 5 leads out of the container'],
  [{ PidMode: 'host' }, "HostConfig.PidMode: another namespace than the container's own"],
  [{ CapAdd: ['CHOWN', 'NET_RAW'] }, 'HostConfig.CapAdd: "NET_RAW" could undo the isolation'],
])('%j is refused', (host, problem) => {
  expect(() => judge(host)).toThrow(`jobgate: ${problem}`);
});

it.each(['private', 'none', 'shareable'])('of memory that processes share it may say %s', (IpcMode) => {
  expect(judge({ IpcMode })).toMatchObject({ host: { IpcMode }, ipc: undefined });
});

it.each([undefined, null, ''])('and nothing: %j', (IpcMode) => {
  const { host, ipc } = judge({ IpcMode });
  expect([host.IpcMode, ipc]).toEqual([undefined, undefined]);
});

it('what it refers to is looked up', () => {
  const host = { IpcMode: 'container:a', VolumesFrom: ['b', 'c:ro', 'd:rw'], Links: ['e:f'] };
  expect(judge(host)).toMatchObject({
    ipc: { container: 'a' },
    volumesFrom: [
      { container: 'b', mode: '' },
      { container: 'c', mode: 'ro' },
      { container: 'd', mode: 'rw' },
    ],
    links: ['e:f'],
  });
  expect(judge({ NetworkMode: 'container:a\nb' }).network).toEqual({ kind: 'container', container: 'a\nb' });
});

it.each([
  ['none', { NetworkMode: 'mine' }],
  ['host', { NetworkMode: 'mine' }],
  ['mine', { NetworkMode: 'none' }],
  ['mine', { NetworkMode: 'host' }],
  ['mine', { NetworkMode: 'container:a' }],
])('an endpoint on %s contradicts %j', (name, host) => {
  const on = (...names: string[]) => ({
    NetworkingConfig: { EndpointsConfig: Object.fromEntries(names.map((one) => [one, {}])) },
  });
  expect(() => judge(host, on('bridge', name))).toThrow(
    `NetworkingConfig.EndpointsConfig: "${name}" contradicts HostConfig.NetworkMode: name one of them`,
  );
  expect(judge(host, on('bridge', 'default')).endpoints.size).toBe(0);
  expect([...judge({ NetworkMode: 'mine' }, on('bridge', 'mine')).endpoints.keys()]).toEqual(['mine']);
});

it('an endpoint has what the container is called there, and no more', () => {
  const read = (endpoint: unknown) =>
    judge({ NetworkMode: 'a' }, { NetworkingConfig: { EndpointsConfig: { a: endpoint } } }).endpoints.get(
      'a',
    );
  expect(read({ Aliases: ['x'], IPAMConfig: { IPv4Address: '10.0.0.2' }, NetworkID: 'told' })).toEqual({
    ...{ Aliases: ['x'], IPAMConfig: { IPv4Address: '10.0.0.2' } },
  });
  for (const none of [undefined, null]) expect(read(none)).toEqual({});
  expect(() => read('x')).toThrow('NetworkingConfig.EndpointsConfig.a must be an object, not "x"');
  expect(() => read({ DriverOpts: { a: 'b' } })).toThrow('a.DriverOpts: the gate chooses how');
  expect(() => judge({}, { NetworkingConfig: { EndpointsConfig: 'x' } })).toThrow(
    'NetworkingConfig.EndpointsConfig must be an object',
  );
  expect(judge({}, { NetworkingConfig: { EndpointsConfig: null } }).endpoints.size).toBe(0);
});

it('without a network where it is disabled', () => {
  expect(judge({ NetworkMode: 'mine' }, { NetworkDisabled: true }).network).toEqual({ kind: 'none' });
  expect(judge({ NetworkMode: 'mine' }, { NetworkDisabled: false }).network.kind).toBe('named');
});

it("labels that are jobgate's own are refused, and a HostConfig that is none", () => {
  expect(() => judge({}, { Labels: { 'io.jobgate.x': 'y' } })).toThrow(
    `jobgate: Labels: "io.jobgate.x" is jobgate's own: choose another`,
  );
  expect(judge({}, { Labels: { 'jobgate.x': 'y' } }).labels).toEqual({ 'jobgate.x': 'y' });
  expect(() => judgeCreate({ HostConfig: 'x' }, { runtimes: [] })).toThrow('HostConfig must be an object');
  expect(judgeCreate({ HostConfig: null }, { runtimes: [] }).network.kind).toBe('own');
});

it.each([
  [{ ExposedPorts: { '80': {}, '53/udp': {} } }, true],
  [{ ExposedPorts: { '80/tcp/x': { a: 1 } } }, false],
  [{ ExposedPorts: { '80/tcpx': { a: 1 } } }, false],
  [{ ExposedPorts: { x80: { a: 1 } } }, false],
  [{ ExposedPorts: null }, true],
  [{ Volumes: { '/data': { a: 1 } } }, true],
  [{ Volumes: { data: { a: 1 } } }, false],
  [{ Volumes: null }, true],
])('%j: %s', (body, fine) => {
  if (fine) expect(() => judge({}, body)).not.toThrow();
  else expect(() => judge({}, body)).toThrow(/is not known here/);
});
