import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type Dockerode from 'dockerode';
import type { Logger } from '../../proxy/policy/logger.js';
import { heartbeats } from '../../proxy/worker/heartbeats.js';
import { PING_MS } from '../../proxy/worker/link.js';
import { WORKER_UID } from '../../proxy/worker/privileges.js';
import { WORKER_ENV } from '../../proxy/worker/worker-command.js';
import { WorkerLink } from '../../proxy/worker/worker-link.js';
import { demux } from '../engine/demux.js';
import { EngineError, engineMessage, engineStatus, GatewayError } from '../engine/errors.js';
import { removeContainer } from '../engine/remove-container.js';

/** Of one gateway, bytes. It idles at about 45 MB; the rest is for connections: 10,000 take about 300 MB. */
const MEMORY = 512 << 20;
/** Threads of Node, and nothing else. */
const PIDS = 64;
/** From the container's start, ms; half a second on an idle machine. Less than others wait for it (sweep.ts). */
const READY_MS = 60_000;
/** For the last reports of a gateway that was told to close. */
const LAST_WORDS_MS = 3_000;
/** Its words come by way of the engine, which has its own pauses: a stuck one is found later than on the host, ms. */
const SILENT_MS = 10_000;
/** For its exit code to come, ms, once the link has broken. */
const EXIT_CODE_MS = 2_000;
/** As in docker/deploy/Dockerfile; whatever another image says. */
export const IMAGE_USER = `${WORKER_UID}:${WORKER_UID}`;
export const MAIN = '/opt/jobgate/dist/proxy/worker/worker-main.js';

interface ProxyContainerOptions {
  readonly name: string;
  readonly image: string;
  /** Name of the job's network, and the gateway's address on it. */
  readonly network: string;
  readonly address: string;
  /** Name of the network that leads out. */
  readonly outside: string;
  /** Listen below 1024, for which it has no capability. */
  readonly lowPorts: boolean;
  readonly logger?: Logger;
}

/** The container's create options: on the isolated network only; the outside one comes before it starts. */
function proxyContainerOptions(
  options: ProxyContainerOptions,
): Dockerode.ContainerCreateOptions & { HostConfig: Dockerode.HostConfig } {
  return {
    name: options.name,
    Image: options.image,
    Entrypoint: ['node', '--max-semi-space-size=1', MAIN],
    Cmd: [],
    User: IMAGE_USER,
    Env: Object.entries(WORKER_ENV).map(([name, value]) => `${name}=${value}`),
    // Its end is the parent's end: with StdinOnce the engine closes it when the one who attached is gone.
    OpenStdin: true,
    StdinOnce: true,
    AttachStdin: true,
    AttachStdout: true,
    AttachStderr: true,
    Healthcheck: { Test: ['NONE'] },
    NetworkingConfig: {
      EndpointsConfig: { [options.network]: { IPAMConfig: { IPv4Address: options.address } } },
    },
    HostConfig: {
      NetworkMode: options.network,
      ...harmless(),
      Memory: MEMORY,
      MemorySwap: MEMORY,
      // Nothing but the proxy leads from one network to the other, and neither side speaks for the other's addresses.
      Sysctls: {
        'net.ipv4.ip_forward': '0',
        'net.ipv4.conf.all.rp_filter': '1',
        'net.ipv4.conf.all.arp_ignore': '1',
        ...(options.lowPorts && { 'net.ipv4.ip_unprivileged_port_start': '0' }),
      },
      // Its output is for its parent; a log would fill the host's disk with it.
      LogConfig: { Type: 'none', Config: {} },
    },
  };
}

/** What no container of ours needs. */
export function harmless(): Dockerode.HostConfig {
  return {
    CapDrop: ['ALL'],
    Privileged: false,
    SecurityOpt: ['no-new-privileges'],
    ReadonlyRootfs: true,
    PidsLimit: PIDS,
    RestartPolicy: { Name: 'no' },
  };
}

/**
 * Creates the gateway's container and attaches to it. It is there, and not yet started.
 *
 * @throws GatewayError where it cannot be had; nothing is left then.
 */
export async function createProxyContainer(
  docker: Dockerode,
  options: ProxyContainerOptions,
): Promise<ProxyContainer> {
  const container = await docker.createContainer(proxyContainerOptions(options)).catch((error: unknown) => {
    throw createError(error, options);
  });
  try {
    await connectOutside(docker, container.id, options.outside);
    const streams = { stream: true, hijack: true, stdin: true, stdout: true, stderr: true };
    // Podman prepares the container for it, and fails here where Docker would when it starts.
    const stream = await container.attach(streams).catch((error: unknown) => {
      throw new EngineError(`the gateway's container cannot be attached to: ${engineMessage(error)}`, {
        cause: error,
      });
    });
    return new ProxyContainer(container, stream, options.logger);
  } catch (error) {
    await removeContainer(container).catch(() => {});
    throw error;
  }
}

async function connectOutside(docker: Dockerode, id: string, outside: string): Promise<void> {
  try {
    await docker.getNetwork(outside).connect({ Container: id });
  } catch (error) {
    if (engineStatus(error) === 404) throw outsideMissing(outside);
    throw new EngineError(`the gateway cannot be put on network ${outside}: ${engineMessage(error)}`, {
      cause: error,
    });
  }
}

export const outsideMissing = (outside: string) =>
  new GatewayError(
    `network ${outside}, by which gateways reach the outside, is not on the engine: docker network create ${outside}, or set Gateway.OutsideNetwork`,
  );

export const imageMissing = (image: string) =>
  new GatewayError(
    `image ${image}, which gateways in containers are made of, is not on the engine: jobgate image ${image} makes it, or docker build -f docker/deploy/Dockerfile -t ${image} . in its folder`,
  );

function createError(error: unknown, { image, name }: ProxyContainerOptions): GatewayError {
  const message = engineMessage(error);
  if (engineStatus(error) === 404 && /image/i.test(message)) return imageMissing(image);
  if (engineStatus(error) === 409) {
    return new GatewayError(
      `the container name ${name} is taken by a container that is not ours: docker rm -f ${name}`,
      { cause: error },
    );
  }
  return new EngineError(`the engine refused the gateway's container: ${message}`, { cause: error });
}

/** A gateway's container: a worker for one proxy. */
export class ProxyContainer {
  readonly link: WorkerLink;
  readonly #container: Dockerode.Container;
  readonly #stream: NodeJS.ReadWriteStream;
  readonly #output: Promise<unknown>;
  #exit: Promise<number | undefined> | undefined;
  #pings: NodeJS.Timeout | undefined;
  #killedFor: string | undefined;

  constructor(container: Dockerode.Container, stream: NodeJS.ReadWriteStream, logger: Logger | undefined) {
    this.#container = container;
    this.#stream = stream;
    this.link = new WorkerLink(stream, () => this.kill('it said what nobody understands'), logger);
    const split = demux(this.link.stdout, this.link.stderr);
    split.on('error', () => {});
    this.#output = once(split, 'close').catch(() => {});
    stream.pipe(split);
  }

  /** Settles with why when the container has ended, whoever ended it. */
  get ended(): Promise<Error> {
    return this.link.ended;
  }

  /**
   * Starts it and waits until `open`, called once it is started, has had its proxy say that it listens.
   *
   * @param waitedMs for its turn, before; for the error
   * @throws GatewayError with what it said.
   */
  async start(open: () => Promise<unknown>, waitedMs = 0): Promise<void> {
    const begin = performance.now();
    // Asked before the start, so that an end of a moment is not missed. An engine that is killed never answers: then the
    // link has broken, and without it the container is of no use, whatever has become of it.
    const broken = new Promise<void>((resolve) => this.#stream.once('close', resolve));
    this.#exit = Promise.race([
      (this.#container.wait({ condition: 'next-exit' }) as Promise<{ StatusCode: number }>).then(
        ({ StatusCode }) => StatusCode,
        () => undefined,
      ),
      broken.then(() => sleep(EXIT_CODE_MS, undefined)),
    ]);
    void this.#exit.then(async (code) => {
      clearInterval(this.#pings);
      await Promise.race([this.#output, sleep(500)]);
      this.link.settle(await this.#whyEnded(code));
    });
    await this.#container.start().catch((error: unknown) => {
      throw new EngineError(`the gateway's container cannot be started: ${engineMessage(error)}`, {
        cause: error,
      });
    });
    const startMs = performance.now() - begin;
    const late = new AbortController();
    try {
      await Promise.race([
        open(),
        this.ended.then((error) => Promise.reject(error)),
        sleep(READY_MS, undefined, { signal: late.signal }).then(() => {
          const s = (ms: number) => `${(ms / 1000).toFixed(1)} s`;
          throw new GatewayError(
            `the gateway's container said nothing within ${READY_MS / 1000} s of its start (its turn came after ${s(waitedMs)}, the engine took ${s(startMs)} to start it): the machine is too busy, or the image is not jobgate's`,
          );
        }),
      ]);
    } finally {
      late.abort();
    }
    this.#pings = setInterval(() => this.link.send({ do: 'ping' }), PING_MS).unref();
    heartbeats.watch(this, SILENT_MS, (why) => this.kill(why));
  }

  /** Waits for the last reports of its proxy, which is told to close within so many ms, and removes the container. */
  async end(closed: Promise<void>, ms = 0): Promise<void> {
    await Promise.race([closed, this.#exit, sleep(ms + LAST_WORDS_MS, undefined, { ref: false })]);
    await this.remove();
  }

  /** @throws EngineError where it stays. */
  async remove(): Promise<void> {
    clearInterval(this.#pings);
    (this.#stream as Partial<import('node:net').Socket>).destroy?.();
    await removeContainer(this.#container, `the gateway's container ${this.#container.id.slice(0, 12)}`);
  }

  /** At once. Whoever waits for its end is told why. */
  kill(why: string): void {
    this.#killedFor ??= why;
    this.#container.kill().catch(() => {});
  }

  async #whyEnded(code: number | undefined): Promise<GatewayError> {
    const state = await this.#container.inspect().then(
      ({ State }) => State,
      () => undefined,
    );
    const why =
      this.#killedFor ?? (state?.OOMKilled ? 'it had used up its memory' : (this.link.why ?? state?.Error));
    const because = why ? `: ${why}` : '';
    // An engine that goes away again while another container takes the place of one is waited for.
    if (code === undefined)
      return new EngineError(`the gateway's container ended (the engine lost it)${because}`);
    return new GatewayError(`the gateway's container ended (exit code ${code})${because}`);
  }
}
