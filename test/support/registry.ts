import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { arch } from 'node:os';
import type { Cleanup } from './cleanup.js';
import { docker } from './e2e.js';

const MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json';

/**
 * Names an image as one of a registry of the test's own, which tells that it has it for this machine and no more: what
 * a node asks the engine to find out where it has an image of no registry. @returns the name
 */
export async function offerImage(cleanup: Cleanup, image: string): Promise<string> {
  const digest = (text: string) => `sha256:${createHash('sha256').update(text).digest('hex')}`;
  const architecture = ({ x64: 'amd64', arm64: 'arm64' } as Record<string, string>)[arch()] ?? arch();
  const config = JSON.stringify({ os: 'linux', architecture, rootfs: { type: 'layers', diff_ids: [] } });
  const manifest = JSON.stringify({
    schemaVersion: 2,
    mediaType: MANIFEST,
    config: {
      mediaType: 'application/vnd.docker.container.image.v1+json',
      size: config.length,
      digest: digest(config),
    },
    layers: [],
  });
  const server = createServer(({ url = '' }, answer) => {
    const [type, body] = url.includes('/manifests/')
      ? [MANIFEST, manifest]
      : url.includes('/blobs/')
        ? ['application/octet-stream', config]
        : ['application/json', '{}'];
    answer.setHeader('Docker-Content-Digest', digest(body));
    answer.setHeader('Docker-Distribution-Api-Version', 'registry/2.0');
    answer.writeHead(200, { 'Content-Type': type, 'Content-Length': body.length }).end(body);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanup.add(() => {
    server.closeAllConnections();
    server.close();
  });
  const name = `127.0.0.1:${(server.address() as AddressInfo).port}/${image.split(':')[0]}:offered`;
  await docker('tag', image, name);
  cleanup.add(() => docker('rmi', name));
  return name;
}
