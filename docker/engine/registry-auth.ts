import { execFile } from 'node:child_process';
import { type Environment, readDockerConfig } from './docker-config.js';

/** Credentials as the engine takes them with a pull. */
interface RegistryAuth {
  readonly username?: string;
  readonly password?: string;
  readonly identitytoken?: string;
  readonly serveraddress: string;
}

const DOCKER_HUB = 'https://index.docker.io/v1/';

/**
 * Key of an image's registry in the Docker config: the first part of the reference when it looks like a host
 * (a dot, a port, or localhost), else Docker Hub.
 */
export function registryOf(image: string): string {
  const slash = image.indexOf('/');
  const first = slash < 0 ? '' : image.slice(0, slash);
  const isHost = first.includes('.') || first.includes(':') || first === 'localhost';
  return !isHost || first === 'docker.io' || first === 'index.docker.io' ? DOCKER_HUB : first;
}

/**
 * Credentials for an image's registry from the Docker config (`$DOCKER_CONFIG`, else `~/.docker`), credential
 * helpers included, as `docker pull` finds them. Undefined where there are none.
 */
export async function registryAuth(
  image: string,
  env: Environment = process.env,
): Promise<RegistryAuth | undefined> {
  const registry = registryOf(image);
  const config = readDockerConfig(env);
  const helper = config.credHelpers?.[registry] ?? config.credsStore;
  if (helper) return fromHelper(helper, registry, env);
  const entry = config.auths?.[registry] ?? config.auths?.[`https://${registry}`];
  if (!entry) return undefined;
  if (entry.identitytoken) return { identitytoken: entry.identitytoken, serveraddress: registry };
  if (!entry.auth) return undefined;
  const [username = '', ...password] = Buffer.from(entry.auth, 'base64').toString('utf8').split(':');
  return { username, password: password.join(':'), serveraddress: registry };
}

// Protocol of docker-credential-helpers: the registry on stdin, JSON on stdout, non-zero where nothing is stored.
function fromHelper(helper: string, registry: string, env: Environment): Promise<RegistryAuth | undefined> {
  return new Promise((resolve) => {
    const child = execFile(
      `docker-credential-${helper}`,
      ['get'],
      { env: env as NodeJS.ProcessEnv, timeout: 30_000 },
      (error, stdout) => {
        if (error) return resolve(undefined);
        try {
          const { Username, Secret } = JSON.parse(stdout) as { Username: string; Secret: string };
          resolve(
            Username === '<token>'
              ? { identitytoken: Secret, serveraddress: registry }
              : { username: Username, password: Secret, serveraddress: registry },
          );
        } catch {
          resolve(undefined);
        }
      },
    );
    child.stdin?.on('error', () => {});
    child.stdin?.end(registry);
  });
}
