import { randomBytes } from 'node:crypto';
import { accessSync, constants, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { type Ran, type RunOptions, run } from './e2e.js';
import { type Answer, type AskOptions, ask, type Serve, startServe } from './serve.js';

/** A `jobgate serve` with a gate. */
export interface TestGate extends AsyncDisposable {
  readonly serve: Serve;
  readonly socket: string;
  /** For DOCKER_HOST. */
  readonly host: string;
  /** A directory that its clients may mount, also writable. */
  readonly allowed: string;
  /** Asks the gate in HTTP. */
  ask(path: string, options?: AskOptions): Promise<Answer>;
  /** Runs the docker CLI with DOCKER_HOST and nothing else; throws for an exit code. @returns stdout */
  docker(...args: string[]): Promise<string>;
  /** The same, for who looks at how it ends. */
  tryDocker(args: readonly string[], options?: RunOptions & { readonly file?: string }): Promise<Ran>;
}

/** Starts a serve with a gate; all that came through it is removed in the end. */
export async function startGate(...options: string[]): Promise<TestGate> {
  const folder = mkdtempSync(join(tmpdir(), 'jobgate-gate-'));
  const allowed = mkdtempSync(join(tmpdir(), 'jobgate-allowed-'));
  const socket = join(folder, 'docker.sock');
  const host = `unix://${socket}`;
  const serve = await startServe(['--gate', host, '--allowed-mount', `${allowed}:rw`, ...options]);
  const tryDocker: TestGate['tryDocker'] = (args, { file = 'docker', ...more } = {}) =>
    run(file, args, { timeoutMs: 60_000, ...more, env: { DOCKER_HOST: host, ...more.env } });
  const docker = async (...args: string[]) => {
    const ran = await tryDocker(args);
    if (ran.code !== 0) throw new Error(`docker ${args.join(' ')}: ${ran.code} ${ran.stderr} ${ran.stdout}`);
    return ran.stdout.trim();
  };
  return {
    serve,
    socket,
    host,
    allowed,
    ask: (path, asked) => ask(socket, path, asked),
    docker,
    tryDocker,
    async [Symbol.asyncDispose]() {
      const ids = (await tryDocker(['ps', '-aq'])).stdout.split('\n').filter(Boolean);
      if (ids.length > 0) await tryDocker(['rm', '-fv', ...ids]);
      await tryDocker(['network', 'prune', '-f']);
      await tryDocker(['volume', 'prune', '-f', '-a']);
      await serve[Symbol.asyncDispose]();
      for (const one of [folder, allowed]) rmSync(one, { recursive: true, force: true });
    },
  };
}

/** All versions of the docker CLI that this machine has. */
export function dockerClients(): string[] {
  const found = (process.env.PATH ?? '').split(delimiter).map((folder) => join(folder, 'docker'));
  const runs = (file: string) => {
    try {
      accessSync(file, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  };
  return found.filter((file) => runs(file) && file !== '/bin/docker');
}

/** A name for what a test makes. */
export const newName = (what: string) => `test-${what}-${randomBytes(4).toString('hex')}`;
