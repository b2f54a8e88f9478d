import { quote } from '../../../admission/problem.js';
import {
  flag,
  integer,
  isEmpty,
  type Judge,
  kept,
  listOf,
  never,
  object,
  oneOf,
  ours,
  text,
  textMap,
  texts,
} from '../fields.js';
import { refuse } from '../refusal.js';
import { added, dropped } from './capabilities.js';

const noNamespace = never("another namespace than the container's own leads round its network: leave it out");
const noDevices = never('devices are not for clients of the gate');
const noPorts = never(
  'ports are not published through the gate: connect from a container on the same network (docker network create), or with docker exec',
);

/** A list, too, opens what is masked: only what was never set passes. */
const notEvenEmpty: Judge = (value, at) => {
  if (value !== undefined && value !== null) throw refuse(`${at}: the engine's own masks stay: leave it out`);
  return undefined;
};

const LOG_OPTIONS = ['max-size', 'max-file', 'compress', 'mode', 'max-buffer-size', 'labels', 'env', 'tag'];
const logs: Judge = (value, at) => {
  if (isEmpty(value)) return undefined;
  const { Type: type, Config: config } = (object({
    Type: oneOf(['json-file', 'local', 'none'], 'logs stay on this machine: json-file, local or none'),
    Config: object(Object.fromEntries(LOG_OPTIONS.map((name) => [name, text]))),
  })(value, at) ?? {}) as { Type?: string; Config?: Record<string, string> };
  if (type === 'none') return { Type: 'none', Config: {} };
  // The bounds are ours where the client names none.
  return type !== undefined && config?.['max-size'] ? { Type: type, Config: config } : undefined;
};

const SECURITY = new Set([
  'no-new-privileges',
  'no-new-privileges:true',
  'no-new-privileges=true',
  'seccomp=builtin',
]);
const security: Judge = (value, at) =>
  (texts(value, at) as string[] | undefined)?.flatMap((option) => {
    if (!SECURITY.has(option)) {
      throw refuse(`${at}: ${quote(option)} is not for clients of the gate: the engine's own profiles stay`);
    }
    return option.startsWith('no-new') ? [] : [option];
  });

const sysctls: Judge = (value, at) => {
  const given = (textMap(value, at) ?? {}) as Record<string, string>;
  const odd = Object.keys(given).find((name) => !/^(kernel\.(shm|msg|sem)\w*|fs\.mqueue\.\w+)$/.test(name));
  if (odd !== undefined) {
    throw refuse(
      `${at}: ${quote(odd)} is not for clients of the gate: only kernel.shm*, msg*, sem and fs.mqueue.*`,
    );
  }
  return given;
};

/** Processes with a priority of real time, or above all others', take the node from it. */
const limit: Judge = (value, at) => {
  const name = text(value, at) as string | undefined;
  if (name !== undefined && /^(rtprio|rttime|nice)$/i.test(name))
    throw refuse(`${at}: ${name}: priorities are the node's: leave it out`);
  return name;
};

const notNegative: Judge = (value, at) => {
  const number = integer(value, at) as number | undefined;
  if (number !== undefined && number < 0) throw refuse(`${at}: must not be below zero`);
  return number;
};

/**
 * `HostConfig`, field by field. What names others (networks, containers, volumes, host paths) is judged where these are
 * looked up.
 */
export const HOST_FIELDS: Readonly<Record<string, Judge>> = {
  // Judged by create/judge.ts.
  Binds: kept,
  Mounts: kept,
  NetworkMode: kept,
  VolumesFrom: kept,
  IpcMode: kept,
  Links: kept,
  ExtraHosts: texts,

  // The isolation's own.
  CapAdd: added,
  CapDrop: dropped,
  Capabilities: never('name what to add and to drop'),
  Privileged: (value, at) => {
    if (flag(value, at))
      throw refuse(`${at}: a privileged container is not isolated: run without --privileged`);
    return undefined;
  },
  SecurityOpt: security,
  Sysctls: sysctls,
  Dns: ours,
  DnsOptions: ours,
  DnsSearch: ours,
  ContainerIDFile: ours,
  LogConfig: logs,
  PidsLimit: integer,
  MaskedPaths: notEvenEmpty,
  ReadonlyPaths: notEvenEmpty,

  PidMode: noNamespace,
  UTSMode: noNamespace,
  UsernsMode: noNamespace,
  CgroupnsMode: oneOf(['private'], "the host's control groups are not for clients of the gate"),
  Cgroup: noNamespace,
  CgroupParent: never("control groups are the engine's to name"),
  Isolation: oneOf(['default'], 'there is one isolation here'),
  Devices: noDevices,
  DeviceCgroupRules: noDevices,
  DeviceRequests: noDevices,
  PortBindings: noPorts,
  PublishAllPorts: noPorts,
  VolumeDriver: oneOf(['local'], 'volumes are local'),
  Annotations: never('runtimes take orders by them'),
  CpuRealtimePeriod: never("real time is the node's"),
  CpuRealtimeRuntime: never("real time is the node's"),
  OomKillDisable: never('a container that is out of memory ends'),
  OomScoreAdj: notNegative,
  StorageOpt: object({ size: text }),
  Runtime: text,

  // The container's own business.
  AutoRemove: flag,
  RestartPolicy: object({ Name: text, MaximumRetryCount: integer }),
  ConsoleSize: kept,
  GroupAdd: texts,
  ReadonlyRootfs: flag,
  Tmpfs: textMap,
  ShmSize: integer,
  Init: flag,
  Ulimits: listOf(object({ Name: limit, Hard: integer, Soft: integer })),
  Memory: integer,
  MemoryReservation: integer,
  MemorySwap: integer,
  MemorySwappiness: integer,
  KernelMemory: integer,
  KernelMemoryTCP: integer,
  NanoCpus: integer,
  CpuShares: integer,
  CpuPeriod: integer,
  CpuQuota: integer,
  CpusetCpus: text,
  CpusetMems: text,
  CpuCount: integer,
  CpuPercent: integer,
  BlkioWeight: integer,
  BlkioWeightDevice: kept,
  BlkioDeviceReadBps: kept,
  BlkioDeviceWriteBps: kept,
  BlkioDeviceReadIOps: kept,
  BlkioDeviceWriteIOps: kept,
  IOMaximumIOps: integer,
  IOMaximumBandwidth: integer,
};
