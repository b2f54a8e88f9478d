import { describe, expect, it } from 'vitest';
import { judgeCreate } from '../../../src/gate/create/judge.js';
import { GateRefusal } from '../../../src/gate/refusal.js';
import { assertLower } from '../../../src/gate/update.js';

const judge = (HostConfig: object, top: object = {}, runtimes: string[] = []) =>
  judgeCreate({ Image: 'image', ...top, HostConfig }, { runtimes });

describe('a create', () => {
  it('keeps what the client set of its own business', () => {
    const { config, host } = judge(
      {
        Memory: 1 << 20,
        Ulimits: [{ Name: 'nofile', Soft: 10, Hard: 20 }],
        ReadonlyRootfs: true,
        Init: null,
      },
      {
        Cmd: 'true',
        Entrypoint: ['/bin/x'],
        Tty: false,
        ExposedPorts: { '80/tcp': {} },
        Volumes: { '/data': {} },
      },
    );
    expect(host).toMatchObject({
      Memory: 1 << 20,
      Ulimits: [{ Name: 'nofile', Soft: 10, Hard: 20 }],
      ReadonlyRootfs: true,
    });
    expect(config).toMatchObject({
      ...{ Image: 'image', Cmd: ['true'], Entrypoint: ['/bin/x'], Tty: false },
      ...{ ExposedPorts: { '80/tcp': {} }, Volumes: { '/data': {} } },
    });
  });

  // As the docker CLI 28 sends it.
  it('with all the empty fields that clients send is one without them', () => {
    const HostConfig = {
      ...{ Binds: null, ContainerIDFile: '', LogConfig: { Type: '', Config: {} }, NetworkMode: 'default' },
      ...{ PortBindings: {}, RestartPolicy: { Name: 'no', MaximumRetryCount: 0 }, AutoRemove: false },
      ...{
        VolumeDriver: '',
        VolumesFrom: null,
        ConsoleSize: [0, 0],
        CapAdd: null,
        CapDrop: null,
        CgroupnsMode: '',
      },
      ...{
        Dns: [],
        DnsOptions: [],
        DnsSearch: [],
        ExtraHosts: null,
        GroupAdd: null,
        IpcMode: '',
        Cgroup: '',
        Links: null,
      },
      ...{ OomScoreAdj: 0, PidMode: '', Privileged: false, PublishAllPorts: false, ReadonlyRootfs: false },
      ...{
        SecurityOpt: null,
        UTSMode: '',
        UsernsMode: '',
        ShmSize: 0,
        Isolation: '',
        CpuShares: 0,
        Memory: 0,
      },
      ...{
        NanoCpus: 0,
        CgroupParent: '',
        BlkioWeight: 0,
        BlkioWeightDevice: [],
        Devices: [],
        DeviceCgroupRules: null,
      },
      ...{ DeviceRequests: null, MemorySwappiness: -1, OomKillDisable: false, PidsLimit: 0, Ulimits: [] },
      ...{ MaskedPaths: null, ReadonlyPaths: null, CpuRealtimePeriod: 0, FieldOfTomorrow: [{ a: '' }] },
    };
    const { host, network, endpoints, mounts } = judge(HostConfig, {
      NetworkingConfig: { EndpointsConfig: { default: { IPAMConfig: null, Links: null, Aliases: null } } },
    });
    expect(network).toEqual({ kind: 'own' });
    expect([...endpoints]).toEqual([]);
    expect(mounts).toEqual({ host: [], volumes: [], binds: [], mounts: [] });
    expect(JSON.stringify(host)).not.toContain('Tomorrow');
  });

  it.each([
    [{}, { kind: 'own' }],
    [{ NetworkMode: 'bridge' }, { kind: 'own' }],
    [{ NetworkMode: 'none' }, { kind: 'none' }],
    [{ NetworkMode: 'mine' }, { kind: 'named', name: 'mine' }],
    [{ NetworkMode: 'container:abc' }, { kind: 'container', container: 'abc' }],
  ])('of %j asks for a network', (host, network) => {
    expect(judge(host).network).toEqual(network);
  });

  it('tells host paths from volumes, and keeps the rest as it is', () => {
    const { mounts } = judge({
      Binds: ['/a:/b:ro', '/c:/d', 'name:/e:nocopy', '/anonymous'],
      Mounts: [
        { Type: 'bind', Source: '/f', Target: '/g', BindOptions: { Propagation: 'rprivate' } },
        { Type: 'volume', Source: 'other', Target: '/h', VolumeOptions: { Labels: { a: 'b' } } },
        { Type: 'tmpfs', Target: '/i', TmpfsOptions: { SizeBytes: 10 } },
      ],
    });
    expect(mounts.host).toEqual([
      { source: '/a', target: '/b', readOnly: true },
      { source: '/c', target: '/d', readOnly: false },
      { source: '/f', target: '/g', readOnly: false },
    ]);
    expect(mounts.volumes).toEqual([
      { volume: 'name', labels: {} },
      { volume: 'other', labels: { a: 'b' } },
    ]);
    expect(mounts.binds).toEqual(['name:/e:nocopy', '/anonymous']);
    expect(mounts.mounts.map(({ Type }) => Type)).toEqual(['volume', 'tmpfs']);
  });

  it('may name a runtime that the operator names', () => {
    expect(judge({ Runtime: 'gvisor' }, {}, ['gvisor']).host.Runtime).toBe('gvisor');
    expect(() => judge({ Runtime: 'gvisor' })).toThrow(/Gate\.Runtimes/);
  });

  it('may drop and add capabilities that are harmless, in any spelling', () => {
    const { host } = judge({ CapAdd: ['cap_chown', 'NET_BIND_SERVICE'], CapDrop: ['all'] });
    expect(host).toMatchObject({ CapAdd: ['CHOWN', 'NET_BIND_SERVICE'], CapDrop: ['ALL'] });
  });

  it('is told which field is not known', () => {
    expect(() => judge({ NewHole: true })).toThrow(/HostConfig\.NewHole is not known here/);
    expect(() => judge({}, { hostConfig: { Privileged: true } })).toThrow(/hostConfig is not known here/);
  });
});

describe('an update', () => {
  const now = { Memory: 100, PidsLimit: 50, NanoCpus: 0, CpusetCpus: '0' };
  it.each([
    { Memory: 100 },
    { Memory: 1 },
    { NanoCpus: 5 },
    { PidsLimit: 50 },
    { RestartPolicy: { Name: 'always' } },
  ])('may say %j', (body) => {
    expect(assertLower(body, now)).toEqual(body);
  });

  it.each([
    { Memory: 101 },
    { MemorySwap: -1 },
    { PidsLimit: -1 },
    { PidsLimit: 51 },
    { CpuPeriod: 1000 },
    { CpusetCpus: '0-1' },
    { Devices: [{ PathOnHost: '/dev/x' }] },
    { memory: 1000 },
  ])('must not say %j', (body) => {
    expect(() => assertLower(body, now)).toThrow(GateRefusal);
  });

  it('leaves out what a client does not set', () => {
    expect(assertLower({ Memory: 0, PidsLimit: null, CpuShares: 0, CpusetCpus: '' }, now)).toEqual({});
  });
});

describe('priorities', () => {
  it('labels that would make every list long are refused, and usual ones are not', () => {
    const labels = (length: number) => () => judge({}, { Labels: { a: 'x'.repeat(length) } });
    expect(labels(70_000)).toThrow('Labels has more than 65536 characters');
    expect(labels(10_000)).not.toThrow();
  });

  it.each(['rtprio', 'RTPRIO', 'rttime', 'nice'])('limit %s is refused', (Name) => {
    expect(() => judge({ Ulimits: [{ Name, Soft: 99, Hard: 99 }] })).toThrow(GateRefusal);
    expect(() => judge({ Ulimits: [{ Name: 'core', Soft: 99, Hard: 99 }] })).not.toThrow();
  });
  it('the capability for them is refused', () => {
    expect(() => judge({ CapAdd: ['SYS_NICE'] })).toThrow(GateRefusal);
    expect(() => judge({ CapAdd: ['KILL'] })).not.toThrow();
  });
});

it("labels of a mount's volume are not jobgate's own", () => {
  const mount = (Labels: object) => ({
    Mounts: [{ Type: 'volume', Target: '/x', VolumeOptions: { Labels } }],
  });
  expect(() => judge(mount({ 'io.jobgate.gate': 'x' }))).toThrow(GateRefusal);
  expect(() => judge(mount({ a: 'x' }))).not.toThrow();
});
