import { JOB_IMAGE } from './engine.js';

/** A body of a create that asks for a way round. */
export interface HostileCreate {
  readonly what: string;
  /** As JSON, or as text where that is the trick. */
  readonly body: object | string;
  /** What the engine alone does with it. Default: it makes the container. */
  readonly engine?: 'makes' | 'refuses';
}

const base = { Image: JOB_IMAGE, Cmd: ['true'], Labels: { hostile: '1' } };
const text = JSON.stringify(base).slice(0, -1);

const host = (
  what: string,
  HostConfig: object,
  engine: HostileCreate['engine'] = 'makes',
): HostileCreate => ({
  what,
  body: { ...base, HostConfig },
  engine,
});
const top = (what: string, fields: object, engine: HostileCreate['engine'] = 'makes'): HostileCreate => ({
  what,
  body: { ...base, ...fields },
  engine,
});
const raw = (what: string, rest: string, engine: HostileCreate['engine'] = 'makes'): HostileCreate => ({
  what,
  body: `${text},${rest}}`,
  engine,
});
const bind = (source: string) => host(`a bind of ${source}`, { Binds: [`${source}:/x`] });
const mount = (Source: string) =>
  host(`a mount of ${Source}`, { Mounts: [{ Type: 'bind', Source, Target: '/x' }] });

/** What of the machine the table refers to. */
export interface Surroundings {
  /** Of others: a container, a network, a volume. */
  readonly container: string;
  readonly network: string;
  readonly volume: string;
  /** A directory that clients may mount, with links in it that lead out. */
  readonly allowed: string;
  readonly engineSocket: string;
}

export function hostileCreates({
  container,
  network,
  volume,
  allowed,
  engineSocket,
}: Surroundings): HostileCreate[] {
  return [
    host('the network of the host', { NetworkMode: 'host' }),
    host("another container's network", { NetworkMode: `container:${container}` }),
    host(
      "another container's network, by the beginning of a name that is none",
      { NetworkMode: 'container:' },
      'refuses',
    ),
    host("others' network", { NetworkMode: network }),
    host('a network in other letters', { NetworkMode: 'Host' }),
    top("others' network beside", { NetworkingConfig: { EndpointsConfig: { [network]: {} } } }),
    top('none, and a network beside', {
      HostConfig: { NetworkMode: 'none' },
      NetworkingConfig: { EndpointsConfig: { [network]: {} } },
    }),
    top('the default one, and that of the host beside', {
      HostConfig: { NetworkMode: 'default' },
      NetworkingConfig: { EndpointsConfig: { host: {} } },
    }),
    top('options of an endpoint', {
      NetworkingConfig: {
        EndpointsConfig: { bridge: { DriverOpts: { 'com.docker.network.endpoint.x': '1' } } },
      },
    }),
    top('an IPv6 address', {
      HostConfig: { NetworkMode: network },
      NetworkingConfig: { EndpointsConfig: { [network]: { IPAMConfig: { IPv6Address: 'fd00::2' } } } },
    }),

    host('privileged', { Privileged: true }),
    ...[
      'NET_ADMIN',
      'NET_RAW',
      'SYS_ADMIN',
      'SYS_PTRACE',
      'SYS_MODULE',
      'SYS_RAWIO',
      'SYS_TIME',
      'DAC_READ_SEARCH',
      'ALL',
    ].map((name) => host(`capability ${name}`, { CapAdd: [name] })),
    host('a capability in small letters', { CapAdd: ['net_admin'] }),
    host('a capability with its prefix', { CapAdd: ['cap_Net_Admin'] }),
    host('a capability among harmless ones', { CapAdd: ['CHOWN', 'SYS_ADMIN'] }),
    host('a capability that no engine knows', { CapAdd: ['EVERYTHING'] }, 'refuses'),
    host('capabilities of old', { Capabilities: ['CAP_NET_ADMIN'] }),

    host("the host's processes", { PidMode: 'host' }),
    host("another container's processes", { PidMode: `container:${container}` }),
    host("the host's IPC", { IpcMode: 'host' }),
    host("another container's IPC", { IpcMode: `container:${container}` }),
    host("the host's UTS", { UTSMode: 'host' }),
    host("the host's users", { UsernsMode: 'host' }),
    host("the host's control groups", { CgroupnsMode: 'host' }),
    host("another container's control group", { Cgroup: `container:${container}` }),
    host('a control group', { CgroupParent: '/docker' }),

    host('seccomp off', { SecurityOpt: ['seccomp=unconfined'] }),
    host('a seccomp profile', { SecurityOpt: ['seccomp={"defaultAction":"SCMP_ACT_ALLOW"}'] }),
    host('apparmor off', { SecurityOpt: ['apparmor=unconfined'] }),
    host('labels off', { SecurityOpt: ['label=disable'] }),
    host('labels off, with a colon', { SecurityOpt: ['label:disable'] }),
    host('new privileges', { SecurityOpt: ['no-new-privileges:false'] }),
    host('nothing masked', { MaskedPaths: [] }),
    host('nothing read-only', { ReadonlyPaths: [] }),
    host('a runtime', { Runtime: 'io.containerd.runc.v2' }),
    host('a runtime that nobody has', { Runtime: 'evil' }, 'refuses'),

    host('a device', {
      Devices: [{ PathOnHost: '/dev/null', PathInContainer: '/dev/x', CgroupPermissions: 'rwm' }],
    }),
    host('all devices', { DeviceCgroupRules: ['a *:* rwm'] }),
    host('a GPU', { DeviceRequests: [{ Driver: '', Count: -1, Capabilities: [['gpu']] }] }),

    ...['/', '/proc', '/sys', '/dev', '/run', '/var/run', '/etc', '/var/lib', engineSocket].flatMap(
      (path) => [bind(path), mount(path)],
    ),
    bind('/var/run/../run'),
    bind('//run'),
    bind(`${allowed}/..`),
    bind(`${allowed}/root`),
    bind(`${allowed}/run/.`),
    bind(`${allowed}/socket`),
    bind(`${allowed}-not`),
    host('a bind with shared propagation', { Binds: [`${allowed}:/x:rshared`] }),
    host('a bind that is relabelled', { Binds: [`${allowed}:/x:Z`] }),
    host('a bind with too many parts', { Binds: [`${allowed}:/x:ro:rw`] }, 'refuses'),
    host('a mount with shared propagation', {
      Mounts: [{ Type: 'bind', Source: allowed, Target: '/x', BindOptions: { Propagation: 'rslave' } }],
    }),
    host(
      'a mount that is made on the host',
      {
        Mounts: [
          { Type: 'bind', Source: `${allowed}/new`, Target: '/x', BindOptions: { CreateMountpoint: true } },
        ],
      },
      'refuses',
    ),
    host('a volume with a driver', {
      Mounts: [
        {
          Type: 'volume',
          Target: '/x',
          VolumeOptions: {
            DriverConfig: { Name: 'local', Options: { type: 'none', o: 'bind', device: '/' } },
          },
        },
      ],
    }),
    host('a volume driver', { VolumeDriver: 'other' }),
    host('a mount of another kind', { Mounts: [{ Type: 'npipe', Source: '/', Target: '/x' }] }, 'refuses'),
    host("others' volume", { Binds: [`${volume}:/x`] }),
    host("others' volume, as a mount", { Mounts: [{ Type: 'volume', Source: volume, Target: '/x' }] }),
    host("others' volumes", { VolumesFrom: [container] }),
    host("others' volumes, read-only", { VolumesFrom: [`${container}:ro`] }),
    host('a link to others', { Links: [`${container}:x`] }),

    host('a sysctl of the network', { Sysctls: { 'net.ipv4.ip_forward': '1' } }),
    host('IPv6 on', { Sysctls: { 'net.ipv6.conf.all.disable_ipv6': '0' } }),
    host('a sysctl of the kernel', { Sysctls: { 'kernel.domainname': 'x' } }),
    host('logs over the network', {
      LogConfig: { Type: 'syslog', Config: { 'syslog-address': 'udp://192.0.2.1:514' } },
    }),
    host('logs over HTTP', { LogConfig: { Type: 'gelf', Config: { 'gelf-address': 'udp://192.0.2.1:1' } } }),
    host('a published port', { PortBindings: { '80/tcp': [{ HostPort: '8080' }] } }),
    host('all ports published', { PublishAllPorts: true }),
    host('no end when memory is gone', { OomKillDisable: true, Memory: 64 << 20 }),
    host('never the first to go', { OomScoreAdj: -1000 }),
    host('real time', { CpuRealtimeRuntime: 1000 }),
    host('notes for the runtime', { Annotations: { 'run.oci.keep_original_groups': '1' } }),
    host('an isolation', { Isolation: 'process' }, 'refuses'),
    host('a field of tomorrow', { NetworkOfTheHost: true }),
    host('a field of tomorrow, deep', { RestartPolicy: { Name: 'no', Privileged: true } }),

    top('what hides an allowed name', {
      Labels: { ...base.Labels, 'jobgate.domains': 'example.com' },
      HostConfig: { ExtraHosts: ['example.com:192.0.2.1'] },
    }),
    top('what hides a name below an allowed one', {
      Labels: { ...base.Labels, 'jobgate.domains': '.example.com' },
      HostConfig: { ExtraHosts: ['A.Example.com.:192.0.2.1'] },
    }),
    top('a label of ours', { Labels: { 'io.jobgate.gate': '0123456789ab' } }),
    top('the network of the host, by a label', { Labels: { 'jobgate.network': 'host' } }),
    top('any domain, by a label', { Labels: { 'jobgate.domains': '*' } }),
    top('a top domain, by a label', { Labels: { 'jobgate.domains': '.com' } }),
    top('more than the rate, by a label', {
      Labels: { 'jobgate.domains': 'example.com', 'jobgate.rate': 'unlimited' },
    }),
    top('a label that is misspelt', { Labels: { 'jobgate.domain': 'example.com' } }),

    top('privileged, where engines of old had it', { Privileged: true }),
    top('binds, where engines of old had them', { Binds: ['/:/x'] }),
    top('the network, where engines of old had it', { NetworkMode: 'host' }),
    top('a driver of old', { VolumeDriver: 'other' }),
    raw('keys in other letters', '"hostconfig":{"privileged":true}'),
    raw('keys in capitals', '"HOSTCONFIG":{"PRIVILEGED":true}'),
    raw('a key with a letter that Go folds', '"Ho\u017FtConfig":{"Privileged":true}'),
    raw('one key in other letters', '"HostConfig":{"privileged":true}'),
    raw('a field twice', '"HostConfig":{"Privileged":false,"Privileged":true}'),
    raw('HostConfig twice', '"HostConfig":{},"HostConfig":{"Privileged":true}'),
    raw('HostConfig twice, in other letters', '"HostConfig":{},"hostConfig":{"NetworkMode":"host"}'),
    raw('an escaped key', '"HostConfig":{"Privile\\u0067ed":true}'),
    raw('a truth as text', '"HostConfig":{"Privileged":"true"}', 'refuses'),
    raw('a number as text', '"HostConfig":{"PidsLimit":"100"}', 'refuses'),
    raw('a list in the place of a text', '"HostConfig":{"NetworkMode":["host"]}', 'refuses'),
    raw('an object in the place of a list', '"HostConfig":{"CapAdd":{"0":"NET_ADMIN"}}', 'refuses'),
    raw('a prototype', '"HostConfig":{"__proto__":{"Privileged":true}}'),
    { what: 'something behind the body', body: `${text},"HostConfig":{}}{"HostConfig":{"Privileged":true}}` },
    { what: 'no object', body: '[]', engine: 'refuses' },
    { what: 'no body', body: '', engine: 'refuses' },
    {
      what: 'a body of great depth',
      body: `${text},"Cmd":${'['.repeat(500)}${']'.repeat(500)}}`,
      engine: 'refuses',
    },
    {
      what: 'a body of great length',
      body: `${text},"Hostname":"${'x'.repeat(2 << 20)}"}`,
    },
  ];
}
