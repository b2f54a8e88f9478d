import { setTimeout as sleep } from 'node:timers/promises';
import type Dockerode from 'dockerode';
import { lineSplitter } from '../../proxy/util/line-splitter.js';
import { demux } from '../engine/demux.js';
import { EngineError, engineMessage } from '../engine/errors.js';
import { removeContainer } from '../engine/remove-container.js';
import { containerName, type Owner } from './owner.js';
import { harmless, IMAGE_USER, MAIN } from './proxy-container.js';

interface EngineHostAddressesOptions {
  readonly docker: Dockerode;
  readonly owner: Owner;
  readonly image: string;
}

const LINE = 1 << 20;
const TIMEOUT_MS = 20_000;

/**
 * The machine addresses of the engine's host, which a gateway in a container does not see: asked once by a short container with
 * the host's network, without any privilege.
 *
 * @throws EngineError where they cannot be had: without them jobs could reach the host by its public addresses.
 */
export async function engineHostAddresses({
  docker,
  owner,
  image,
}: EngineHostAddressesOptions): Promise<string[]> {
  let container: Dockerode.Container | undefined;
  try {
    container = await docker.createContainer({
      name: containerName(owner),
      Image: image,
      Entrypoint: ['node', MAIN, 'addresses'],
      Cmd: [],
      User: IMAGE_USER,
      AttachStdout: true,
      AttachStderr: true,
      Healthcheck: { Test: ['NONE'] },
      HostConfig: { NetworkMode: 'host', ...harmless(), LogConfig: { Type: 'none', Config: {} } },
    });
    const lines: string[] = [];
    const stream = await container.attach({ stream: true, hijack: true, stdout: true, stderr: true });
    const stdout = lineSplitter((line) => lines.push(line), LINE);
    const stderr = lineSplitter(() => {}, LINE);
    const output = demux(stdout, stderr);
    for (const end of [stream, stdout, stderr, output]) end.on('error', () => {});
    const written = new Promise<void>((resolve) => output.once('close', resolve));
    stream.pipe(output);
    await container.start();
    await Promise.race([written, sleep(TIMEOUT_MS, undefined, { ref: false })]);
    const addresses: unknown = JSON.parse(lines[0] ?? '[]');
    if (!Array.isArray(addresses) || addresses.length === 0) throw new Error('it said nothing');
    return addresses.map(String);
  } catch (error) {
    throw new EngineError(
      `the addresses of the engine's host cannot be had by a container with the host's network: ${engineMessage(error)}`,
      { cause: error },
    );
  } finally {
    if (container) await removeContainer(container).catch(() => {});
  }
}
