import type { ServedGateway } from '../../service/served-gateway.js';
import { GATEWAY_IMAGE, labelsOf, nameOf } from './execution.js';
import type { NodeGateway, Waiting } from './stock-nodes.js';

/*
 * What is answered for, in the engine's own shapes: the fields that clients look at, docker's among them.
 */

const NEVER = '0001-01-01T00:00:00Z';
/** Of an image that is nowhere. */
const IMAGE_ID = `sha256:${'0'.repeat(64)}`;

/** The image of a node's gateways, as one that is here. */
export function imageShape({ Os, Arch }: { readonly Os?: string; readonly Arch?: string }) {
  const [name = '', tag = ''] = GATEWAY_IMAGE.split(':');
  return {
    Id: IMAGE_ID,
    RepoTags: [`${name}:${tag}`],
    RepoDigests: [`${name}@${IMAGE_ID}`],
    Comment: 'answered for by jobgate, whose gateways take its place',
    Created: NEVER,
    Os: Os ?? 'linux',
    Architecture: Arch ?? 'amd64',
    Size: 0,
    VirtualSize: 0,
    Config: { Labels: null },
    RootFS: { Type: 'layers', Layers: [] },
  };
}

/** Variables of the gateway container, as its node sets them. */
export const VARIABLES = {
  clients: 'BACALHAU_HTTP_CLIENTS',
  domains: 'BACALHAU_HTTP_DOMAINS',
  job: 'BACALHAU_JOB_ID',
  execution: 'BACALHAU_EXECUTION_ID',
} as const;

export function containerShape({ execution, ids, served }: NodeGateway, isRunning: boolean) {
  const { gateway, policy, created } = served;
  const status = isRunning ? 'running' : 'created';
  const name = `/${nameOf(execution, 'gateway')}`;
  const variables = {
    [VARIABLES.clients]: JSON.stringify([gateway.network.subnet]),
    [VARIABLES.domains]: JSON.stringify(policy.allow),
    [VARIABLES.job]: execution.job,
    [VARIABLES.execution]: execution.execution,
  };
  return {
    Id: ids.gateway,
    Created: created.toISOString(),
    Path: '',
    Args: [],
    State: {
      Status: status,
      Running: isRunning,
      Paused: false,
      Restarting: false,
      OOMKilled: false,
      Dead: false,
      Pid: 0,
      ExitCode: 0,
      Error: '',
      StartedAt: isRunning ? created.toISOString() : NEVER,
      FinishedAt: NEVER,
      Health: { Status: isRunning ? health(served) : 'starting', FailingStreak: 0, Log: [] },
    },
    Image: IMAGE_ID,
    Name: name,
    RestartCount: 0,
    Driver: 'overlay2',
    Platform: 'linux',
    MountLabel: '',
    ProcessLabel: '',
    AppArmorProfile: '',
    ExecIDs: null,
    HostConfig: { NetworkMode: 'bridge' },
    Mounts: [],
    Config: {
      Hostname: ids.gateway.slice(0, 12),
      Image: GATEWAY_IMAGE,
      Env: Object.entries(variables).map(([variable, value]) => `${variable}=${value}`),
      Labels: labelsOf(execution),
    },
    NetworkSettings: { Networks: endpoints(served, ids.network) },
  };
}

/** The same in a list of containers. */
export function listedShape({ execution, ids, served }: NodeGateway, isRunning: boolean) {
  return {
    Id: ids.gateway,
    Names: [`/${nameOf(execution, 'gateway')}`],
    Image: GATEWAY_IMAGE,
    ImageID: IMAGE_ID,
    Command: '',
    Created: Math.floor(served.created.getTime() / 1000),
    Ports: [],
    Labels: labelsOf(execution),
    State: isRunning ? 'running' : 'created',
    Status: isRunning ? `Up (${health(served)})` : 'Created',
    HostConfig: { NetworkMode: 'bridge' },
    NetworkSettings: { Networks: endpoints(served, ids.network) },
    Mounts: [],
  };
}

function health({ state }: ServedGateway): string {
  return state === 'open' ? 'healthy' : 'unhealthy';
}

function endpoints({ gateway: { network, proxy } }: ServedGateway, NetworkID: string) {
  return {
    [network.name]: {
      NetworkID,
      EndpointID: '',
      Gateway: network.gateway,
      IPAddress: proxy.host,
      IPPrefixLen: Number(network.subnet.split('/')[1]),
      MacAddress: '',
    },
  };
}

/** A network that the engine does not have. */
export function networkShape({ execution, ids, subnet, since }: Waiting) {
  return {
    Name: nameOf(execution, 'network'),
    Id: ids.network,
    Created: since.toISOString(),
    Scope: 'local',
    Driver: 'bridge',
    EnableIPv6: false,
    IPAM: {
      Driver: 'default',
      Options: null,
      Config: [{ Subnet: subnet.cidr, Gateway: subnet.gateway }],
    },
    Internal: true,
    Attachable: false,
    Ingress: false,
    ConfigFrom: { Network: '' },
    ConfigOnly: false,
    Containers: {},
    Options: {},
    Labels: labelsOf(execution),
  };
}

/** Whether a list with these filters has it: by labels (`name` or `name=value`), name, id and state, as docker's. */
export function isListed(
  { Id, Names, State, Labels }: ReturnType<typeof listedShape>,
  filters: Readonly<Record<string, readonly string[]>>,
): boolean {
  return Object.entries(filters).every(([kind, values]) => {
    if (kind === 'label') return hasLabels(Labels, values);
    if (values.length === 0) return true;
    if (kind === 'name') return values.some((value) => Names.some((name) => name.includes(value)));
    if (kind === 'id') return values.some((value) => Id.startsWith(value));
    return kind === 'status' && values.includes(State);
  });
}

/** @param wanted all of them, as `name` or `name=value`. */
export function hasLabels(labels: Readonly<Record<string, string>>, wanted: readonly string[]): boolean {
  return wanted.every((label) => {
    const at = label.indexOf('=');
    const name = at < 0 ? label : label.slice(0, at);
    return Object.hasOwn(labels, name) && (at < 0 || labels[name] === label.slice(at + 1));
  });
}
