import { packageVersion } from '../../proxy/util/package-files.js';

/**
 * The image that docker/image/image.sh makes, of this version: `jobgate:VERSION`. Never pulled: whoever has the name in a
 * registry would get to run every job's proxy.
 */
export function defaultGatewayImage(): string {
  return `jobgate:${packageVersion()}`;
}
