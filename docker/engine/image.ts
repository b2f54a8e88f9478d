import { pipeline } from 'node:stream/promises';
import type Dockerode from 'dockerode';
import { lineSplitter } from '../../proxy/util/line-splitter.js';
import { EngineError, engineMessage, engineStatus } from './errors.js';
import { registryAuth } from './registry-auth.js';

/** When to pull: as `docker run --pull` has it. */
export type PullPolicy = 'missing' | 'always' | 'never';

export const PULL_POLICIES: readonly PullPolicy[] = ['missing', 'always', 'never'];

interface EnsureImageOptions {
  readonly pull?: PullPolicy;
  /** `linux/arm64`, for engines that run several. */
  readonly platform?: string;
  /** Called with a line for a person now and then while a pull goes on. */
  readonly onProgress?: (line: string) => void;
  readonly signal?: AbortSignal;
}

/**
 * Makes sure that the image is on the engine, pulling it as `docker run` does: with the credentials of the Docker
 * config, and progress that a person sees.
 *
 * @returns what the engine says about it.
 * @throws EngineError where the image is not to be had, with what to do.
 */
export async function ensureImage(
  docker: Dockerode,
  image: string,
  options: EnsureImageOptions = {},
): Promise<Dockerode.ImageInspectInfo> {
  const pull = options.pull ?? 'missing';
  const present = pull === 'always' ? undefined : await inspect(docker, image);
  if (present) return present;
  if (pull === 'never') {
    throw new EngineError(
      `image ${image} is not on the engine and --pull is never: docker pull ${image}, or build it`,
    );
  }
  await pullImage(docker, image, options);
  const pulled = await inspect(docker, image);
  if (!pulled) throw new EngineError(`image ${image} was pulled, and is not on the engine`);
  return pulled;
}

async function inspect(docker: Dockerode, image: string): Promise<Dockerode.ImageInspectInfo | undefined> {
  try {
    return await docker.getImage(image).inspect();
  } catch (error) {
    if (engineStatus(error) === 404) return undefined;
    throw new EngineError(`image ${image}: ${engineMessage(error)}`, { cause: error });
  }
}

async function pullImage(docker: Dockerode, image: string, options: EnsureImageOptions): Promise<void> {
  // Without a tag the engine's API pulls every tag there is; the CLI means :latest.
  const isWhole = image.includes('@') || image.lastIndexOf(':') > image.lastIndexOf('/');
  const reference = isWhole ? image : `${image}:latest`;
  options.onProgress?.(`pulling ${reference}`);
  try {
    const authconfig = await registryAuth(image);
    const stream = await docker.pull(reference, {
      ...(authconfig && { authconfig }),
      ...(options.platform && { platform: options.platform }),
      ...(options.signal && { abortSignal: options.signal }),
    });
    await followPull(stream, options.onProgress);
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new EngineError(
      `cannot pull ${reference}: ${engineMessage(error)}; check the name, log in with docker login, or build the image and use --pull never`,
      { cause: error },
    );
  }
}

interface PullEvent {
  readonly status?: string;
  readonly id?: string;
  readonly progressDetail?: { readonly current?: number; readonly total?: number };
  /** Why it failed. */
  readonly error?: string;
}

/** Longest line of the progress, bytes. */
const MAX_LINE = 64 << 10;

async function followPull(stream: NodeJS.ReadableStream, say?: (line: string) => void): Promise<void> {
  const layers = new Map<string, { current: number; total: number }>();
  let done = 0;
  let said = performance.now();
  const onLine = (line: string) => {
    if (line.trim() === '') return;
    const event = JSON.parse(line) as PullEvent;
    if (event.error !== undefined) throw new Error(String(event.error));
    if (!event.id) return;
    const { current, total } = event.progressDetail ?? {};
    if (event.status === 'Downloading' && current && total) layers.set(event.id, { current, total });
    if (event.status === 'Pull complete' || event.status === 'Already exists') done++;
    if (performance.now() - said < 1000) return;
    said = performance.now();
    const sum = (key: 'current' | 'total') =>
      [...layers.values()].reduce((all, layer) => all + layer[key], 0);
    const mb = (bytes: number) => (bytes / 1e6).toFixed(1);
    say?.(`pulling: ${mb(sum('current'))} of ${mb(sum('total'))} MB, ${done} layers complete`);
  };
  await pipeline(stream, lineSplitter(onLine, MAX_LINE));
}
