import { existsSync, readFileSync } from 'node:fs';

/**
 * The image that docker/image.sh makes, of this version: `jobgate:VERSION`. Never pulled: whoever has the name in a
 * registry would get to run every job's proxy.
 */
export function defaultGatewayImage(): string {
  const file = ['../../package.json', '../../../package.json']
    .map((path) => new URL(path, import.meta.url))
    .find((url) => existsSync(url));
  const { version } = file ? JSON.parse(readFileSync(file, 'utf8')) : { version: 'latest' };
  return `jobgate:${version}`;
}
