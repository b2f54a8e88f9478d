import type { Input, Job } from '../../../admission/job.js';
import type { Wanted } from './judge.js';

interface JobOptions {
  readonly id: string;
  readonly executionId: string;
  readonly name: string | undefined;
  /** What it will reach; empty is no network. */
  readonly domains: readonly string[];
}

/** What admission is asked about a container that a client wants. */
export function jobOf(
  { config, host, mounts, network: wanted }: Pick<Wanted, 'config' | 'host' | 'mounts' | 'network'>,
  { id, executionId, name, domains }: JobOptions,
): Job & { readonly id: string } {
  const image = String(config.Image ?? '');
  const entrypoint = config.Entrypoint as string[] | undefined;
  const command = (config.Cmd ?? []) as string[];
  const variables = (config.Env ?? []) as string[];
  const inputs = mounts.host.map(inputOf);
  const cpus = Number(host.NanoCpus ?? 0) / 1e9;
  const memoryBytes = Number(host.Memory ?? 0);
  const type = wanted.kind === 'host' ? 'Host' : domains.length > 0 ? 'HTTP' : 'None';
  const network = { type, domains } as const;
  return {
    id,
    executionId,
    ...(name !== undefined && { name }),
    network,
    engine: {
      type: 'docker',
      image,
      ...(entrypoint?.length && { entrypoint }),
      command,
      env: environment(variables),
      ...(config.WorkingDir ? { workingDirectory: String(config.WorkingDir) } : {}),
      ...(config.User ? { user: String(config.User) } : {}),
    },
    resources: { ...(cpus > 0 && { cpus }), ...(memoryBytes > 0 && { memoryBytes }) },
    inputs,
    ignored: [],
    // For probes, in the shape in which a node would send it.
    spec: {
      ID: id,
      ...(name !== undefined && { Name: name }),
      Type: 'batch',
      Count: 1,
      Tasks: [
        {
          Name: 'main',
          Engine: {
            Type: 'docker',
            Params: {
              Image: image,
              Entrypoint: entrypoint ?? null,
              Parameters: command,
              EnvironmentVariables: variables,
            },
          },
          Network: { Type: network.type, ...(domains.length > 0 && { Domains: domains }) },
          ...(inputs.length > 0 && { InputSources: inputs.map(({ raw }) => raw) }),
          Resources: {
            ...(cpus > 0 && { CPU: String(cpus) }),
            ...(memoryBytes > 0 && { Memory: String(memoryBytes) }),
          },
        },
      ],
    },
  };
}

/** The same about a network alone, on which nothing runs yet. */
export function jobOfNetwork(options: JobOptions) {
  const mounts = { host: [], volumes: [], binds: [], mounts: [] };
  return jobOf({ network: { kind: 'own' }, config: {}, host: {}, mounts }, options);
}

function inputOf({ source, target, readOnly }: Wanted['mounts']['host'][number]): Input {
  const Params = { SourcePath: source, ReadWrite: !readOnly };
  const raw = { Source: { Type: 'localDirectory', Params }, Target: target };
  return { type: 'localDirectory', source, target, readOnly, raw };
}

/** The variables of a list as the engine has it; one without `=` takes the image's away. */
export function environment(variables: readonly string[]): Record<string, string> {
  const pairs = variables
    .filter((pair) => pair.includes('='))
    .map((pair) => {
      const at = pair.indexOf('=');
      return [pair.slice(0, at), pair.slice(at + 1)];
    });
  return Object.fromEntries(pairs);
}
