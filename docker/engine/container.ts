import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type Dockerode from 'dockerode';
import { abortable } from '../../proxy/util/abort.js';
import { packageFile } from '../../proxy/util/package-files.js';
import { demux } from './demux.js';
import { EngineError, engineMessage, engineStatus } from './errors.js';
import { removeContainer } from './remove-container.js';

/** What a job runs, in the engine's terms. */
export interface ContainerSpec {
  /** Name of the container; the engine makes one up where absent. */
  readonly name?: string;
  readonly image: string;
  readonly entrypoint?: readonly string[];
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly workingDirectory?: string;
  readonly user?: string;
  readonly mounts: readonly Mount[];
  readonly memoryBytes?: number;
  /** Number of CPUs, fractions allowed. */
  readonly cpus?: number;
  readonly platform?: string;
  /** Keep stdin open and attach to it. */
  readonly stdin: boolean;
}

export interface Mount {
  /** Absolute path on the engine's host, or the name of a volume. */
  readonly source: string;
  readonly target: string;
  readonly readOnly: boolean;
}

/** What answers the names that a job asks for. */
export interface JobNames {
  /** Of the gateway, which is a name server, and what allowed names are. */
  readonly address: string;
  /** A file of the engine's host that names it as the resolver; absent where the engine sees none of this process. */
  readonly file?: string | undefined;
  /** Names for the container's own table, where there is no file: the engine's resolver may ask nobody for them. */
  readonly hosts: readonly string[];
}

/** Which network the container gets. `isolated` names a gateway's network. */
export type Attachment =
  | { readonly kind: 'isolated'; readonly network: string; readonly names?: JobNames | undefined }
  | { readonly kind: 'none' | 'bridge' | 'host' };

const PIDS = 4096;
const RESOLV_CONF = '/etc/resolv.conf';
/** A resolver that is refused at once, where the engine sees the files of this process; see `isolatedOptions`. */
const DEAD_RESOLVER: Dockerode.MountSettings = {
  Type: 'bind',
  Source: fileURLToPath(packageFile('docker/engine/resolv.conf')),
  Target: RESOLV_CONF,
  ReadOnly: true,
};
const LOG_BYTES = '10m';
const ASK_AGAIN_MS = 2000;
/** What starting a container may take, ms: a busy engine takes seconds, a runtime that hangs never comes back. */
export const START_MS = 120_000;
const LONGEST_WAIT_MS = 30_000;

/**
 * Create options that a container on an isolated network must have, whoever starts it: no raw sockets (hand-made
 * frames reach IPv6 services of the host otherwise), no network administration, no way to regain them, no IPv6, and
 * a resolver. That is its gateway, or one that fails fast: a file that names the container's own loopback, where nothing
 * answers. The engine's embedded resolver, which a job can still ask, is told the same; alone it takes a second per
 * question.
 *
 * @param network name of the gateway's
 * @param names the gateway's; absent: no name is answered
 */
export function isolatedOptions(
  network: string,
  names?: JobNames,
): Dockerode.ContainerCreateOptions & { HostConfig: Dockerode.HostConfig } {
  return {
    HostConfig: {
      NetworkMode: network,
      CapDrop: ['NET_RAW', 'NET_ADMIN'],
      Privileged: false,
      SecurityOpt: ['no-new-privileges'],
      Sysctls: { 'net.ipv6.conf.all.disable_ipv6': '1', 'net.ipv6.conf.default.disable_ipv6': '1' },
      ...(names ? resolver(names) : DEAD),
      DnsSearch: ['.'],
      ...bounded(),
    },
  };
}

const DEAD: Dockerode.HostConfig = {
  Dns: ['127.0.0.1'],
  DnsOptions: ['timeout:1', 'attempts:1'],
  Mounts: [DEAD_RESOLVER],
};

function resolver({ address, file, hosts }: JobNames): Dockerode.HostConfig {
  return {
    Dns: [address],
    DnsOptions: ['timeout:2', 'attempts:3'],
    ...(file !== undefined
      ? { Mounts: [{ Type: 'bind', Source: file, Target: RESOLV_CONF, ReadOnly: true }] }
      : { ExtraHosts: hosts.map((host) => `${host}:${address}`) }),
  };
}

// What every job's container has, whatever its network.
function bounded(): Pick<Dockerode.HostConfig, 'PidsLimit' | 'LogConfig' | 'RestartPolicy'> {
  return {
    PidsLimit: PIDS,
    LogConfig: { Type: 'json-file', Config: { 'max-size': LOG_BYTES, 'max-file': '1' } },
    RestartPolicy: { Name: 'no' },
  };
}

/** The engine's create options of a job's container. */
export function containerOptions(
  spec: ContainerSpec,
  attachment: Attachment,
): Dockerode.ContainerCreateOptions {
  const network: Dockerode.HostConfig =
    attachment.kind === 'isolated'
      ? isolatedOptions(attachment.network, attachment.names).HostConfig
      : { NetworkMode: attachment.kind, SecurityOpt: ['no-new-privileges'], ...bounded() };
  return {
    ...(spec.name && { name: spec.name }),
    Image: spec.image,
    // The image's own would make the engine start programs as often as it likes, for nobody.
    Healthcheck: { Test: ['NONE'] },
    Cmd: [...spec.command],
    ...(spec.entrypoint && { Entrypoint: [...spec.entrypoint] }),
    Env: Object.entries(spec.env).map(([name, value]) => `${name}=${value}`),
    ...(spec.workingDirectory && { WorkingDir: spec.workingDirectory }),
    ...(spec.user && { User: spec.user }),
    ...(spec.platform && { platform: spec.platform }),
    AttachStdin: spec.stdin,
    AttachStdout: true,
    AttachStderr: true,
    OpenStdin: spec.stdin,
    StdinOnce: spec.stdin,
    HostConfig: {
      ...network,
      Mounts: [...(network.Mounts ?? []), ...spec.mounts.map(mountSettings)],
      ...(spec.memoryBytes && { Memory: spec.memoryBytes }),
      ...(spec.cpus && { NanoCpus: Math.round(spec.cpus * 1e9) }),
    },
  };
}

function mountSettings(mount: Mount): Dockerode.MountSettings {
  return {
    Type: mount.source.startsWith('/') ? 'bind' : 'volume',
    Source: mount.source,
    Target: mount.target,
    ReadOnly: mount.readOnly,
  };
}

/** Where the job's input comes from and its output goes. */
export interface Stdio {
  readonly stdin?: NodeJS.ReadableStream;
  readonly stdout: NodeJS.WritableStream;
  readonly stderr: NodeJS.WritableStream;
}

/** The image's command cannot be started. `exitCode` is that of `docker run`: 127 not found, 126 not executable. */
export class CommandError extends EngineError {
  override readonly name = 'CommandError';
  override readonly code = 'JOBGATE_COMMAND';
  readonly exitCode: number;
  constructor(message: string, exitCode: number) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** The engine does not come back from starting a container: nobody waits for it any more. */
export class StartGivenUp extends EngineError {
  override readonly name = 'StartGivenUp';
  override readonly code = 'JOBGATE_START_GIVEN_UP';
  /** Settles when the container is gone all the same, once the engine comes back. */
  readonly removed: Promise<void>;
  constructor(message: string, removed: Promise<void>) {
    super(message);
    this.removed = removed;
  }
}

/** A job's container that was started. Disposing removes it, running or not. */
export interface StartedContainer extends AsyncDisposable {
  /** Settles with the exit code once the job has ended and its output is written. */
  readonly exited: Promise<number>;
  /** Its address on a network; undefined when it already ended. */
  addressOn(network: string): Promise<string | undefined>;
  /** SIGTERM, and SIGKILL after the grace period (ms). */
  stop(graceMs: number): Promise<void>;
  remove(): Promise<void>;
}

interface StartOptions {
  /** Aborted to wait no longer. */
  readonly signal?: AbortSignal;
  /** What the start may take, ms. Default and maximum {@link START_MS}. */
  readonly deadlineMs?: number;
}

/**
 * Creates, attaches to and starts a container. On any failure it is removed again.
 *
 * @throws CommandError where the command cannot be started, StartGivenUp where the engine does not answer in time or
 *   `signal` is aborted before it does, EngineError for anything else.
 */
export async function startContainer(
  docker: Dockerode,
  options: Dockerode.ContainerCreateOptions,
  stdio: Stdio,
  { signal, deadlineMs = START_MS }: StartOptions = {},
): Promise<StartedContainer> {
  const ms = Math.min(deadlineMs, START_MS);
  const givenUp = new AbortController();
  const timer = setTimeout(() => givenUp.abort(), ms);
  const onAbort = () => givenUp.abort();
  signal?.addEventListener('abort', onAbort);
  if (signal?.aborted) onAbort();
  const creating = createContainer(docker, options);
  const starting = creating.then((container) => startAttached(container, options, stdio, givenUp.signal));
  try {
    return await abortable(starting, givenUp.signal);
  } catch (error) {
    if (!givenUp.signal.aborted) {
      await creating.then(
        (container) => removeContainer(container),
        () => {},
      );
      throw startError(options, error);
    }
    starting.catch(() => {});
    const removed = creating.then(removeUntilGone, () => {});
    throw new StartGivenUp(`the engine did not start the container within ${ms / 1000} s`, removed);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
  }
}

async function startAttached(
  container: Dockerode.Container,
  options: Dockerode.ContainerCreateOptions,
  stdio: Stdio,
  givenUp: AbortSignal,
): Promise<StartedContainer> {
  givenUp.throwIfAborted();
  const stream = await container.attach({
    stream: true,
    hijack: true,
    stdin: options.OpenStdin ?? false,
    stdout: true,
    stderr: true,
  });
  stream.on('error', () => {}); // the engine's end of it; `wait` tells what became of the container
  givenUp.addEventListener('abort', () => (stream as Duplex).destroy());
  givenUp.throwIfAborted();
  const output = demux(stdio.stdout, stdio.stderr);
  output.on('error', () => {});
  const written = new Promise<void>((resolve) => output.once('close', resolve));
  stream.pipe(output);
  stream.once('close', () => output.end()); // where it broke off
  // Asked before the start, so that a job of a millisecond is not missed.
  const ended = container.wait({ condition: 'next-exit' }) as Promise<{ StatusCode: number }>;
  ended.catch(() => {});
  await container.start({ abortSignal: givenUp });
  if (stdio.stdin && options.OpenStdin) stdio.stdin.pipe(stream);
  const closed = new Promise<void>((resolve) => stream.once('close', resolve));
  const exited = Promise.race([ended, exitOf(container, closed, ended)]).then(async ({ StatusCode }) => {
    stdio.stdin?.unpipe(stream);
    await written;
    return StatusCode;
  });
  exited.catch(() => {});
  return started(container, exited, stream as Duplex);
}

// However long the engine is away, or holds its lock on the container.
async function removeUntilGone(container: Dockerode.Container): Promise<void> {
  for (let wait = 1_000; ; wait = Math.min(LONGEST_WAIT_MS, 2 * wait)) {
    try {
      await removeContainer(container);
      return;
    } catch {
      await sleep(wait, undefined, { ref: false });
    }
  }
}

/**
 * An engine that dies leaves the question for the container's end without an answer, and without an error. What tells is
 * that the connection for the output closes; as it does when a job closes its own output. From then on the engine is asked.
 */
async function exitOf(
  container: Dockerode.Container,
  closed: Promise<void>,
  ended: Promise<unknown>,
): Promise<{ StatusCode: number }> {
  const settled = new AbortController();
  const settle = () => settled.abort();
  ended.then(settle, settle);
  await closed;
  for (;;) {
    // Rejects once the answer has come after all.
    await sleep(ASK_AGAIN_MS, undefined, { signal: settled.signal });
    const { State } = await container.inspect();
    if (!State.Running) return { StatusCode: State.ExitCode };
  }
}

async function createContainer(
  docker: Dockerode,
  options: Dockerode.ContainerCreateOptions,
): Promise<Dockerode.Container> {
  try {
    return await docker.createContainer(options);
  } catch (error) {
    const message = engineMessage(error);
    const { HostConfig } = options;
    const mounts = HostConfig?.Mounts ?? [];
    // The engine has other files than this process: names are slower to fail then, or are not answered at all.
    const unseen = mounts.find(({ Source, Target }) => Target === RESOLV_CONF && message.includes(Source));
    if (unseen) {
      const others = mounts.filter((mount) => mount !== unseen);
      return createContainer(docker, { ...options, HostConfig: { ...HostConfig, Mounts: others } });
    }
    throw new EngineError(`the engine refused the container: ${message}`, { cause: error });
  }
}

function started(container: Dockerode.Container, exited: Promise<number>, output: Duplex): StartedContainer {
  const remove = async () => {
    // Output that nobody takes holds the engine's lock on the container: it would neither stop nor remove it.
    output.destroy();
    await removeContainer(container);
  };
  return {
    exited: exited.catch((error: unknown) => {
      throw new EngineError(`the engine lost the container: ${engineMessage(error)}`, { cause: error });
    }),
    async addressOn(network) {
      const { NetworkSettings } = await container.inspect();
      return NetworkSettings.Networks[network]?.IPAddress || undefined;
    },
    async stop(graceMs) {
      await container.stop({ t: Math.ceil(graceMs / 1000) }).catch((error: unknown) => {
        // 304: not running; 404: gone.
        if (![304, 404].includes(engineStatus(error) ?? 0)) throw error;
      });
    },
    remove,
    [Symbol.asyncDispose]: remove,
  };
}

function startError(options: Dockerode.ContainerCreateOptions, error: unknown): EngineError {
  if (error instanceof EngineError) return error;
  const message = engineMessage(error);
  // Of runc and of crun.
  const says = (text: RegExp) => text.test(message);
  if (says(/exec/) && says(/executable file (`[^`]*` )?not found|no such file or directory/i)) {
    return new CommandError(`image ${options.Image} cannot start its command: ${message}`, 127);
  }
  if (says(/exec/) && says(/permission denied/i)) {
    return new CommandError(`image ${options.Image} cannot start its command: ${message}`, 126);
  }
  return new EngineError(`the engine cannot start the container: ${message}`, { cause: error });
}
