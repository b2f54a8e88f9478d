import {
  command,
  flag,
  integer,
  type Judge,
  kept,
  never,
  object,
  ours,
  text,
  textMap,
  texts,
} from '../fields.js';

const port = /^\d{1,5}(\/(tcp|udp|sctp))?$/;

/** The body of a create, field by field, without `HostConfig` and `NetworkingConfig`. */
export const CONTAINER_FIELDS: Readonly<Record<string, Judge>> = {
  Image: text,
  Cmd: command,
  Entrypoint: command,
  Env: texts,
  WorkingDir: text,
  User: text,
  Hostname: text,
  Domainname: text,
  AttachStdin: flag,
  AttachStdout: flag,
  AttachStderr: flag,
  Tty: flag,
  OpenStdin: flag,
  StdinOnce: flag,
  Labels: textMap,
  StopSignal: text,
  StopTimeout: integer,
  Shell: texts,
  ArgsEscaped: flag,
  OnBuild: texts,
  Healthcheck: object({
    Test: texts,
    Interval: integer,
    Timeout: integer,
    Retries: integer,
    StartPeriod: integer,
    StartInterval: integer,
  }),
  // What the container may listen on; it publishes nothing.
  ExposedPorts: (value, at) => {
    const ports = Object.keys((value ?? {}) as object).filter((name) => port.test(name));
    return value == null
      ? undefined
      : object(Object.fromEntries(ports.map((name) => [name, kept])))(value, at);
  },
  // Anonymous volumes, by where they are mounted.
  Volumes: (value, at) => {
    const targets = Object.keys((value ?? {}) as object).filter((target) => target.startsWith('/'));
    const fields = Object.fromEntries(targets.map((target) => [target, () => ({})]));
    return value == null ? undefined : object(fields)(value, at);
  },
  NetworkDisabled: flag,
  MacAddress: text,
  // Some clients repeat here what belongs to the query. The engine does not read it.
  name: ours,
  platform: ours,
  abortSignal: ours,
  HostConfig: ours,
  NetworkingConfig: ours,
  Cpuset: never('belongs into HostConfig, as CpusetCpus'),
};
