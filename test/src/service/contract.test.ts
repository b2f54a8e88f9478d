import type Dockerode from 'dockerode';
import { describe, expect, it } from 'vitest';
import { isolatedOptions } from '../../../docker/engine/container.js';
import { contractBreaches } from '../../../src/service/contract.js';

const NETWORK = 'jobgate-000000000000';
const options = { network: NETWORK, sockets: ['/run/docker.sock', '/run/jobgate/jobgate.sock'] };

function inspected(
  host: Partial<Dockerode.HostConfig> = {},
  more: { networks?: string[]; mounts?: string[] } = {},
): Dockerode.ContainerInspectInfo {
  const { networks = [NETWORK], mounts = [] } = more;
  return {
    HostConfig: { ...isolatedOptions(NETWORK).HostConfig, ...host },
    NetworkSettings: { Networks: Object.fromEntries(networks.map((name) => [name, {}])) },
    Mounts: mounts.map((Source) => ({ Type: 'bind', Source, Destination: '/x' })),
  } as unknown as Dockerode.ContainerInspectInfo;
}

describe('the contract of a container on an isolated network', () => {
  it('is kept by what isolatedOptions says, and by what is stricter', () => {
    expect(contractBreaches(inspected(), options)).toEqual([]);
    expect(contractBreaches(inspected({ CapDrop: ['ALL'] }), options)).toEqual([]);
    expect(contractBreaches(inspected({ CapDrop: ['CAP_NET_RAW'] }), options)).toEqual([]);
    expect(contractBreaches(inspected({}, { mounts: ['/data', '/run/docker.sockets'] }), options)).toEqual(
      [],
    );
  });

  it('is kept with the gateway as resolver, where that answers names, and with none', () => {
    const answering = { ...options, names: '10.213.0.1' };
    const names = { address: '10.213.0.1', hosts: [] };
    const { Dns } = isolatedOptions(NETWORK, names).HostConfig;
    expect(contractBreaches(inspected({ Dns }), answering)).toEqual([]);
    expect(contractBreaches(inspected(), answering)).toEqual([]);
    for (const other of [['10.213.0.2'], ['10.213.0.1', '127.0.0.1'], []]) {
      expect(contractBreaches(inspected({ Dns: other }), answering)).toHaveLength(1);
    }
    expect(contractBreaches(inspected({ Dns }), options)).toHaveLength(1);
  });

  it.each<[string, Partial<Dockerode.HostConfig>, RegExp]>([
    ['privileged', { Privileged: true }, /privileged/],
    ['Docker’s own capabilities', { CapDrop: [] }, /NET_RAW/],
    ['no dropped capabilities at all', { CapDrop: undefined as never }, /NET_RAW/],
    ['NET_RAW added again', { CapAdd: ['NET_RAW'] }, /NET_RAW/],
    ['NET_ADMIN', { CapAdd: ['net_admin'] }, /NET_ADMIN/],
    ['all capabilities', { CapAdd: ['ALL'], CapDrop: [] }, /NET_ADMIN/],
    ['all capabilities, though all are dropped', { CapAdd: ['ALL'], CapDrop: ['ALL'] }, /NET_RAW/],
    ['SYS_ADMIN', { CapAdd: ['CAP_SYS_ADMIN'] }, /SYS_ADMIN/],
    ['another DNS server', { Dns: ['192.0.2.1'] }, /DNS/],
    ['a second DNS server', { Dns: ['127.0.0.1', '192.0.2.1'] }, /DNS/],
    ['no DNS server', { Dns: [] }, /DNS/],
    ['the PID namespace of the host', { PidMode: 'host' }, /PID/],
    ['the PID namespace of another container', { PidMode: 'container:abc' }, /PID/],
  ])('is broken by %s', (_what, host, problem) => {
    expect(contractBreaches(inspected(host), options).join('\n')).toMatch(problem);
  });

  it.each(['/run/docker.sock', '/run', '/run/', '/', '/run/jobgate'])(
    'is broken by a mount of %s',
    (mount) => {
      expect(contractBreaches(inspected({}, { mounts: [mount] }), options).join()).toContain('mounts');
    },
  );

  it('is broken by a second network', () => {
    const breaches = contractBreaches(inspected({}, { networks: ['bridge', NETWORK] }), options);
    expect(breaches).toEqual(['it is on another network as well: bridge']);
  });
});
