import type Dockerode from 'dockerode';

/** The options of `docker run` that say what these create options say, for daemons that are shell scripts. */
export function dockerOptions(
  { HostConfig: host }: { readonly HostConfig: Dockerode.HostConfig },
  env: Readonly<Record<string, string>>,
): string[] {
  const each = (flag: string, values: readonly string[] = []) => values.map((value) => `--${flag}=${value}`);
  const pairs = (object: object = {}) => Object.entries(object).map(([key, value]) => `${key}=${value}`);
  return [
    `--network=${host.NetworkMode}`,
    ...each('cap-drop', host.CapDrop as string[]),
    ...each('security-opt', host.SecurityOpt),
    ...each('sysctl', pairs(host.Sysctls)),
    ...each('dns', host.Dns),
    ...each('dns-option', host.DnsOptions),
    ...each('dns-search', host.DnsSearch),
    ...each('add-host', host.ExtraHosts),
    ...each(
      'mount',
      (host.Mounts ?? []).map(
        ({ Type, Source, Target, ReadOnly }) =>
          `type=${Type},source=${Source},target=${Target}${ReadOnly ? ',readonly' : ''}`,
      ),
    ),
    `--pids-limit=${host.PidsLimit}`,
    `--restart=${host.RestartPolicy?.Name}`,
    `--log-driver=${host.LogConfig?.Type}`,
    ...each('log-opt', pairs(host.LogConfig?.Config)),
    ...each('env', pairs(env)),
  ];
}
