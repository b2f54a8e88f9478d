import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type Dockerode from 'dockerode';
import { demux } from '../engine/demux.js';
import { EngineError, engineMessage, engineStatus, GatewayError } from '../engine/errors.js';
import { removeContainer } from '../engine/remove-container.js';
import { type LinkCommand, type LinkReport, type LinkStart, lineSplitter, PING_MS } from './gateway-link.js';

/** Of one gateway, bytes. It idles at about 45 MB; the rest is for connections: 10,000 take about 300 MB. */
const MEMORY = 512 << 20;
/** Threads of Node, and nothing else. */
const PIDS = 64;
/** From the container's start, ms; half a second on an idle machine. Less than others wait for it (sweep.ts). */
const READY_MS = 60_000;
/** For the last reports of a gateway that was told to close. */
const LAST_WORDS_MS = 3_000;
const STDERR_BYTES = 2_000;
/** As in docker/deploy/Dockerfile; whatever another image says. */
export const IMAGE_USER = '10213:10213';
export const MAIN = '/opt/jobgate/dist/docker/gateway/inside/gateway-main.js';

interface ProxyContainerOptions {
  readonly name: string;
  readonly image: string;
  /** Name of the job's network, and the gateway's address on it. */
  readonly network: string;
  readonly address: string;
  /** Name of the network that leads out. */
  readonly outside: string;
  readonly onReport: (report: LinkReport) => void;
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
    const stream = await container.attach({
      stream: true,
      hijack: true,
      stdin: true,
      stdout: true,
      stderr: true,
    });
    return new ProxyContainer(container, stream, options.onReport);
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

/** A gateway's container, and the link to what runs in it. */
export class ProxyContainer {
  /** Settles with why when the container has ended, whoever ended it. */
  readonly ended: Promise<GatewayError>;
  readonly #container: Dockerode.Container;
  readonly #stream: NodeJS.ReadWriteStream;
  readonly #onReport: (report: LinkReport) => void;
  readonly #ready: Promise<void>;
  readonly #output: Promise<unknown>;
  #becomeReady: () => void = () => {};
  #refusal: string | undefined;
  #stderr = '';
  #exit: Promise<number | undefined> | undefined;
  #pings: NodeJS.Timeout | undefined;
  #setEnded: (error: GatewayError) => void = () => {};

  constructor(
    container: Dockerode.Container,
    stream: NodeJS.ReadWriteStream,
    onReport: (report: LinkReport) => void,
  ) {
    this.#container = container;
    this.#stream = stream;
    this.#onReport = onReport;
    this.#ready = new Promise((resolve) => {
      this.#becomeReady = resolve;
    });
    this.ended = new Promise((resolve) => {
      this.#setEnded = resolve;
    });
    const reports = lineSplitter((line) => this.#report(line));
    const stderr = lineSplitter((line) => {
      this.#stderr = `${this.#stderr}${line}\n`.slice(-STDERR_BYTES);
    });
    for (const end of [reports, stderr]) end.on('error', () => this.kill());
    const split = demux(reports, stderr);
    split.on('error', () => {});
    this.#output = once(split, 'close').catch(() => {});
    stream.on('error', () => {}); // the container's end tells
    stream.pipe(split);
  }

  /**
   * Starts it and waits for its word that it listens.
   *
   * @param waitedMs for its turn, before; for the error
   * @throws GatewayError with what it said.
   */
  async start(message: Promise<LinkStart>, waitedMs = 0): Promise<void> {
    const begin = performance.now();
    // Asked before the start, so that an end of a moment is not missed.
    this.#exit = (this.#container.wait({ condition: 'next-exit' }) as Promise<{ StatusCode: number }>).then(
      ({ StatusCode }) => StatusCode,
      () => undefined,
    );
    void this.#exit.then(async (code) => {
      clearInterval(this.#pings);
      await Promise.race([this.#output, sleep(500)]);
      this.#setEnded(await this.#whyEnded(code));
    });
    const [start] = await Promise.all([
      message,
      this.#container.start().catch((error: unknown) => {
        throw new EngineError(`the gateway's container cannot be started: ${engineMessage(error)}`, {
          cause: error,
        });
      }),
    ]);
    this.#say(start);
    const startMs = performance.now() - begin;
    const late = new AbortController();
    try {
      await Promise.race([
        this.#ready,
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
    this.#pings = setInterval(() => this.send({ do: 'ping' }), PING_MS);
    this.#pings.unref();
  }

  send(command: LinkCommand): void {
    this.#say(command);
  }

  /** Tells it to end and waits for its last reports, at most so many ms more. */
  async end(command: LinkCommand, ms = 0): Promise<void> {
    this.send(command);
    await Promise.race([this.#exit, sleep(ms + LAST_WORDS_MS, undefined, { ref: false })]);
    await Promise.race([this.#output, sleep(500, undefined, { ref: false })]);
  }

  kill(): void {
    this.#container.kill().catch(() => {});
  }

  /** @throws EngineError where it stays. */
  async remove(): Promise<void> {
    clearInterval(this.#pings);
    (this.#stream as Partial<import('node:net').Socket>).destroy?.();
    await removeContainer(this.#container, `the gateway's container ${this.#container.id.slice(0, 12)}`);
  }

  #say(line: LinkStart | LinkCommand): void {
    if (this.#stream.writable) this.#stream.write(`${JSON.stringify(line)}\n`);
  }

  #report(line: string): void {
    let report: LinkReport;
    try {
      report = JSON.parse(line);
    } catch {
      return;
    }
    if (report.is === 'ready') this.#becomeReady();
    if (report.is === 'refused') this.#refusal = report.message;
    this.#onReport(report);
  }

  async #whyEnded(code: number | undefined): Promise<GatewayError> {
    if (this.#refusal) return new GatewayError(`the gateway in its container: ${this.#refusal}`);
    const state = await this.#container.inspect().then(
      ({ State }) => State,
      () => undefined,
    );
    const said = this.#stderr
      .trim()
      .split('\n')
      .findLast((line) => /error/i.test(line));
    const why = state?.OOMKilled ? 'it had used up its memory' : (said ?? state?.Error);
    return new GatewayError(
      `the gateway's container ended (${code === undefined ? 'the engine lost it' : `exit code ${code}`})${why ? `: ${why}` : ''}`,
    );
  }
}
