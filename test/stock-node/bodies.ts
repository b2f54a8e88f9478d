import { isOlder, type Traits } from './versions.js';

/** What a requester wants run. */
export interface JobOptions {
  readonly image: string;
  readonly command?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** As in a job file; absent: nothing is said of networks. */
  readonly network?: { readonly Type: string; readonly Domains?: readonly string[] };
  readonly type?: 'batch' | 'service';
  readonly jobId?: string;
  readonly mounts?: readonly { Source: string; Target: string; ReadOnly: boolean }[];
}

/** One execution of a job on a node. */
export interface Ids {
  /** As the node calls itself. */
  readonly nodeId: string;
  readonly jobId: string;
  readonly executionId: string;
}

/** A constant of the node's, in all releases. */
export const GATEWAY_IMAGE = 'ghcr.io/bacalhau-project/http-gateway:v0.3.17';
const HOST_NAME = 'host.docker.internal:host-gateway';

export const nameOf = (
  { nodeId, jobId, executionId }: Ids,
  what: 'network' | 'gateway' | 'executor',
): string => ['bacalhau', `bacalhau-${nodeId}`, jobId, executionId, what].join('-');

export const executionLabel = ({ nodeId, executionId }: Ids): [name: string, value: string] => [
  'bacalhau-executionID',
  `bacalhau-${nodeId}${executionId}`,
];

export const labelsOf = (ids: Ids): Record<string, string> => ({
  'bacalhau-executor': `bacalhau-${ids.nodeId}`,
  'bacalhau-jobID': `bacalhau-${ids.nodeId}${ids.jobId}`,
  ...Object.fromEntries([executionLabel(ids)]),
});

export function networkBody(ids: Ids, api: string): object {
  return {
    Name: nameOf(ids, 'network'),
    Driver: 'bridge',
    Scope: 'local',
    Internal: true,
    Attachable: true,
    Ingress: false,
    ConfigOnly: false,
    ConfigFrom: null,
    IPAM: null,
    Options: null,
    Labels: labelsOf(ids),
    ...(isOlder(api, '1.44') && { CheckDuplicate: true }),
  };
}

export function gatewayBody(ids: Ids, subnet: string, domains: readonly string[], traits: Traits): object {
  return containerBody(
    {
      Image: GATEWAY_IMAGE,
      Env: [
        `BACALHAU_HTTP_CLIENTS=${JSON.stringify([subnet])}`,
        `BACALHAU_HTTP_DOMAINS=${JSON.stringify(domains)}`,
        `BACALHAU_JOB_ID=${ids.jobId}`,
        `BACALHAU_EXECUTION_ID=${ids.executionId}`,
      ],
      Healthcheck: {},
      Labels: labelsOf(ids),
    },
    { NetworkMode: 'bridge', CapAdd: [traits.gatewayCapability], ExtraHosts: [HOST_NAME] },
  );
}

/** Where the job is put: on none, the host's network, a bridge, or the network of its gateway. */
export type Place = 'none' | 'host' | 'bridge' | { readonly network: string; readonly proxy: string };

export function jobBody(ids: Ids, job: JobOptions, place: Place, traits: Traits): object {
  const { image, command = null, env = {}, mounts = [], type = 'batch' } = job;
  const own = {
    none: [],
    spec: [`BACALHAU_JOB_SPEC=${JSON.stringify(specOf(job))}`],
    execution: [
      'BACALHAU_PARTITION_INDEX=0',
      'BACALHAU_PARTITION_COUNT=1',
      `BACALHAU_EXECUTION_ID=${ids.executionId}`,
      `BACALHAU_JOB_ID=${ids.jobId}`,
      `BACALHAU_JOB_TYPE=${type}`,
    ],
  }[traits.variables];
  const proxied = typeof place === 'object' ? place : undefined;
  return containerBody(
    {
      Image: image,
      Cmd: command,
      Env: [
        ...Object.entries(env).map(([name, value]) => `${name}=${value}`),
        ...own,
        // No scheme.
        ...(proxied ? [`http_proxy=${proxied.proxy}`, `https_proxy=${proxied.proxy}`] : []),
      ],
      ...(place === 'none' && { NetworkDisabled: true }),
      Labels: labelsOf(ids),
    },
    {
      NetworkMode: proxied?.network ?? place,
      ...((place === 'host' || place === 'bridge') && { ExtraHosts: [HOST_NAME] }),
      ...(mounts.length > 0 && { Mounts: mounts.map((mount) => ({ Type: 'bind', ...mount })) }),
      // What a job gets that asks for nothing: half a core, 512 MB.
      Memory: 536_870_912,
      NanoCpus: 500_000_000,
      Devices: [],
      DeviceRequests: [],
    },
  );
}

/** As the engine's own client writes it: every field that is not left out where it is empty. */
function containerBody(config: object, hostConfig: object): object {
  return {
    Hostname: '',
    Domainname: '',
    User: '',
    ...{ AttachStdin: false, AttachStdout: false, AttachStderr: false },
    ...{ Tty: false, OpenStdin: false, StdinOnce: false },
    ...{ Cmd: null, Volumes: null, WorkingDir: '', Entrypoint: null, OnBuild: null },
    ...config,
    HostConfig: {
      ...{ Binds: null, ContainerIDFile: '', LogConfig: { Type: '', Config: null }, PortBindings: null },
      ...{ RestartPolicy: { Name: '', MaximumRetryCount: 0 }, AutoRemove: false, VolumeDriver: '' },
      ...{ VolumesFrom: null, ConsoleSize: [0, 0], CapAdd: null, CapDrop: null, CgroupnsMode: '' },
      ...{ Dns: null, DnsOptions: null, DnsSearch: null, ExtraHosts: null, GroupAdd: null, IpcMode: '' },
      ...{ Cgroup: '', Links: null, OomScoreAdj: 0, PidMode: '', Privileged: false, PublishAllPorts: false },
      ...{ ReadonlyRootfs: false, SecurityOpt: null, UTSMode: '', UsernsMode: '', ShmSize: 0, Isolation: '' },
      ...{ CpuShares: 0, Memory: 0, NanoCpus: 0, CgroupParent: '', BlkioWeight: 0, BlkioWeightDevice: null },
      ...{ BlkioDeviceReadBps: null, BlkioDeviceWriteBps: null, BlkioDeviceReadIOps: null },
      ...{ BlkioDeviceWriteIOps: null, CpuPeriod: 0, CpuQuota: 0, CpuRealtimePeriod: 0 },
      ...{ CpuRealtimeRuntime: 0, CpusetCpus: '', CpusetMems: '', Devices: null, DeviceCgroupRules: null },
      ...{ DeviceRequests: null, MemoryReservation: 0, MemorySwap: 0, MemorySwappiness: null },
      ...{ OomKillDisable: null, PidsLimit: null, Ulimits: null, CpuCount: 0, CpuPercent: 0 },
      ...{ IOMaximumIOps: 0, IOMaximumBandwidth: 0, MaskedPaths: null, ReadonlyPaths: null },
      ...hostConfig,
    },
    NetworkingConfig: null,
  };
}

/** What a probe is sent, in the form of the node's release. */
export function probeBody(ids: Ids, job: JobOptions, form: Traits['probe'], revision: number): string {
  const { nodeId, jobId } = ids;
  const callback = { Scheme: 'http', Host: '127.0.0.1:1234', Path: '/requester/callback' };
  const now = BigInt(Date.now()) * 1_000_000n + 123_457n;
  const body = {
    spec: () => ({ node_id: nodeId, job_id: jobId, spec: specOf(job), callback }),
    callback: () => ({ NodeID: nodeId, Job: whole(), Callback: callback }),
    'node-id': () => ({ NodeID: nodeId, Job: whole() }),
    job: () => ({ Job: whole() }),
  };
  const whole = () => jobOf(jobId, job, revision);
  // More than a number of JSON.stringify's holds.
  return JSON.stringify(body[form]()).replaceAll('"@now"', String(now));
}

function jobOf(ID: string, job: JobOptions, Revision: number): object {
  const { image, command = null, env = {}, network, type = 'batch' } = job;
  const Params = {
    Entrypoint: null,
    EnvironmentVariables: null,
    Image: image,
    Parameters: command,
    WorkingDirectory: '',
  };
  return {
    ID,
    Name: ID,
    Namespace: 'default',
    Type: type,
    ...{ Priority: 0, Count: 1, Constraints: [], Meta: {}, Labels: {} },
    Tasks: [
      {
        Name: 'main',
        Engine: { Type: 'docker', Params },
        Publisher: { Type: '' },
        ...(Object.keys(env).length > 0 && { Env: env }),
        Resources: { CPU: '500m', Memory: '512Mb' },
        Network: network ?? { Type: 'Default' },
        Timeouts: {},
      },
    ],
    State: { StateType: Revision === 1 ? 'Pending' : 'Running' },
    ...{ Version: 1, Revision, CreateTime: '@now', ModifyTime: '@now' },
  };
}

/** A job's specification before there were tasks. */
function specOf({ image, command = [], env = {}, network = { Type: 'None' } }: JobOptions): object {
  const EnvironmentVariables = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  return {
    Engine: 'Docker',
    Verifier: 'Noop',
    PublisherSpec: { Type: 'Estuary' },
    Docker: { Image: image, Entrypoint: command, EnvironmentVariables },
    Resources: { CPU: '', Memory: '', Disk: '', GPU: '' },
    Network: network,
    Timeout: 1800,
    Deal: { Concurrency: 1 },
  };
}
