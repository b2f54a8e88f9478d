import { describe, expect, it } from 'vitest';
import { type ContainerSpec, containerOptions } from '../../../docker/engine/container.js';

const spec: ContainerSpec = { image: 'job', command: ['true'], env: { A: 'b' }, mounts: [], stdin: false };

describe('create options of a job', () => {
  it('on an isolated network: no raw sockets, no network administration, no IPv6, a resolver that fails fast', () => {
    const { HostConfig } = containerOptions(spec, { kind: 'isolated', network: 'jobgate-x' });
    expect(HostConfig?.NetworkMode).toBe('jobgate-x');
    expect(HostConfig?.CapDrop).toEqual(expect.arrayContaining(['NET_RAW', 'NET_ADMIN']));
    expect(HostConfig?.SecurityOpt).toContain('no-new-privileges');
    expect(HostConfig?.Sysctls?.['net.ipv6.conf.all.disable_ipv6']).toBe('1');
    expect(HostConfig?.Dns).toEqual(['127.0.0.1']);
    expect(HostConfig?.DnsOptions).toEqual(expect.arrayContaining(['timeout:1', 'attempts:1']));
  });

  it.each(['none', 'bridge', 'host'] as const)('network %s is the only one, and bounded like any', (kind) => {
    const { HostConfig } = containerOptions(spec, { kind });
    expect(HostConfig?.NetworkMode).toBe(kind);
    expect(HostConfig?.PidsLimit).toBeGreaterThan(0);
    expect(HostConfig?.RestartPolicy?.Name).toBe('no');
    expect(HostConfig?.LogConfig?.Config).toHaveProperty('max-size');
    // The engine refuses network sysctls on the host's network.
    expect(HostConfig?.Sysctls).toBeUndefined();
  });

  it('carries command, environment, limits and mounts', () => {
    const options = containerOptions(
      {
        ...spec,
        entrypoint: ['/bin/sh'],
        workingDirectory: '/w',
        user: '1000',
        memoryBytes: 1 << 20,
        cpus: 0.5,
        stdin: true,
        mounts: [
          { source: '/in', target: '/data', readOnly: true },
          { source: 'cache', target: '/cache', readOnly: false },
        ],
      },
      { kind: 'none' },
    );
    expect(options).toMatchObject({
      Image: 'job',
      Cmd: ['true'],
      Entrypoint: ['/bin/sh'],
      Env: ['A=b'],
      WorkingDir: '/w',
      User: '1000',
      OpenStdin: true,
      StdinOnce: true,
      HostConfig: {
        Memory: 1 << 20,
        NanoCpus: 500_000_000,
        Mounts: [
          { Type: 'bind', Source: '/in', Target: '/data', ReadOnly: true },
          { Type: 'volume', Source: 'cache', Target: '/cache', ReadOnly: false },
        ],
      },
    });
  });
});
