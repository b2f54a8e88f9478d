import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import Dockerode from 'dockerode';
import { answerWithin } from './answer-within.js';
import { dockerConfigDir, type Environment, readDockerConfig } from './docker-config.js';
import { boundAnswers } from './engine-answers.js';
import { EngineError, engineMessage } from './errors.js';

/** An engine that answered: Docker's, or Podman by its API for Docker's clients. */
export interface Engine {
  readonly docker: Dockerode;
  readonly endpoint: EngineEndpoint;
  readonly product: 'Docker' | 'Podman';
  /** Version of the product, `20.10.24`; one says nothing of the other's. */
  readonly version: string;
  readonly apiVersion: string;
}

/** Where an engine is looked for, and who said so. */
export interface EngineEndpoint {
  /** `unix:///…` or `tcp://host:port`. */
  readonly url: string;
  /** `DOCKER_HOST`, `context NAME`, `default socket`, `rootless socket`. */
  readonly from: string;
  /** Certificates, where the endpoint uses TLS. */
  readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string };
}

const START_HINT = 'start Docker, or set DOCKER_HOST to an engine that runs';

/**
 * Finds the engine as the docker CLI finds it: DOCKER_HOST, DOCKER_CONTEXT or the current context of the Docker
 * config, the default socket, the rootless one. Nothing is connected yet.
 *
 * @throws EngineError for an address that cannot be used, naming where it came from.
 */
export function findEngine(env: Environment = process.env): EngineEndpoint {
  if (env.DOCKER_HOST) {
    const tls = env.DOCKER_TLS_VERIFY ? readTls(env.DOCKER_CERT_PATH ?? dockerConfigDir(env)) : undefined;
    return endpoint(env.DOCKER_HOST, 'DOCKER_HOST', tls);
  }
  const context = env.DOCKER_CONTEXT || readDockerConfig(env).currentContext;
  if (context && context !== 'default') return contextEndpoint(context, env);
  const rootless = env.XDG_RUNTIME_DIR ? join(env.XDG_RUNTIME_DIR, 'docker.sock') : undefined;
  if (!existsSync('/var/run/docker.sock') && rootless && existsSync(rootless)) {
    return { url: `unix://${rootless}`, from: 'rootless socket' };
  }
  return { url: 'unix:///var/run/docker.sock', from: 'default socket' };
}

/**
 * Connects to the engine and asks for its version.
 *
 * @throws EngineError when none answers, with what to do.
 */
export async function openEngine(env: Environment = process.env): Promise<Engine> {
  const where = findEngine(env);
  const docker = connect(where);
  try {
    const answer = await answerWithin(10_000, docker.version());
    if (answer.Os !== 'linux')
      throw new EngineError(
        `the engine at ${where.url} runs ${answer.Os} containers: jobgate needs Linux containers`,
      );
    const { Version: version, ApiVersion: apiVersion } = answer;
    return { docker, endpoint: where, product: productOf(answer), version, apiVersion };
  } catch (error) {
    if (error instanceof EngineError) throw error;
    throw new EngineError(explain(where, error), { cause: error });
  }
}

// Podman's own service answers to Docker's clients as an engine of version 5.4.2, say.
function productOf({ Components: components = [] }: Dockerode.DockerVersion): Engine['product'] {
  return components.some(({ Name }) => Name === 'Podman Engine') ? 'Podman' : 'Docker';
}

function connect(where: EngineEndpoint): Dockerode {
  if (where.url.startsWith('unix://'))
    return boundAnswers(new Dockerode({ socketPath: where.url.slice('unix://'.length) }));
  const url = new URL(where.url);
  return boundAnswers(
    new Dockerode({
      host: url.hostname,
      port: Number(url.port || (where.tls ? 2376 : 2375)),
      protocol: where.tls ? 'https' : 'http',
      ...where.tls,
    }),
  );
}

function endpoint(url: string, from: string, tls?: EngineEndpoint['tls']): EngineEndpoint {
  if (url.startsWith('ssh://')) {
    throw new EngineError(
      `${from} is ${url}: ssh:// engines are not supported; forward the socket (ssh -L /tmp/docker.sock:/var/run/docker.sock …) and set DOCKER_HOST=unix:///tmp/docker.sock`,
    );
  }
  const known = url.startsWith('unix://') || (/^(tcp|http|https):\/\/[^/]/.test(url) && URL.canParse(url));
  if (!known)
    throw new EngineError(
      `${from} is ${JSON.stringify(url)}: write unix:///path/to/docker.sock or tcp://host:port`,
    );
  return tls ? { url, from, tls } : { url, from };
}

// A context's folder is named by the SHA-256 of its name.
function contextEndpoint(name: string, env: Environment): EngineEndpoint {
  const dir = createHash('sha256').update(name).digest('hex');
  const contexts = join(dockerConfigDir(env), 'contexts');
  let host: unknown;
  try {
    host = JSON.parse(readFileSync(join(contexts, 'meta', dir, 'meta.json'), 'utf8')).Endpoints?.docker?.Host;
  } catch {
    throw new EngineError(
      `Docker context ${JSON.stringify(name)} does not exist in ${contexts}: see docker context ls`,
    );
  }
  if (typeof host !== 'string')
    throw new EngineError(`Docker context ${JSON.stringify(name)} names no docker endpoint`);
  const tls = join(contexts, 'tls', dir, 'docker');
  return endpoint(host, `context ${name}`, existsSync(tls) ? readTls(tls) : undefined);
}

function readTls(dir: string): NonNullable<EngineEndpoint['tls']> {
  const read = (name: string) => {
    try {
      return readFileSync(join(dir, name), 'utf8');
    } catch {
      return undefined;
    }
  };
  const [ca, cert, key] = [read('ca.pem'), read('cert.pem'), read('key.pem')];
  return { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) };
}

function explain(where: EngineEndpoint, error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code;
  const at = `${where.url} (${where.from})`;
  if (code === 'ENOENT' || code === 'ECONNREFUSED') return `no Docker engine answers at ${at}: ${START_HINT}`;
  if (code === 'EACCES' || code === 'EPERM') {
    return `no permission for the Docker engine at ${at}: run as root, or as a member of the group docker`;
  }
  return `the Docker engine at ${at} does not answer: ${engineMessage(error)}; ${START_HINT}`;
}
