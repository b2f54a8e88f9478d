import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** The repository's top folder. */
export const projectRoot = fileURLToPath(new URL('../..', import.meta.url));

/** The command line under test: of this folder as it is built, or of an installed package. */
export const CLI = `${process.env.PACKAGE_UNDER_TEST ?? projectRoot}/dist/src/cli.js`;

/** The image that test/support/job-image.sh makes for the tests and the demo. */
export const JOB_IMAGE = 'jobgate-job:local';

export interface TestEngine {
  /** For DOCKER_HOST. */
  readonly host: string;
  /** True where this process started the engine, and so has to stop it. */
  readonly started: boolean;
  /** Ends the engine if this process started it. Synchronous, so that it works while the process exits. */
  stop(): void;
}

/** No engine could be had, or no job image be made. The message says why and what to install. */
export class SetupError extends Error {
  override readonly name = 'SetupError';
}

function script(name: string, args: string[]): string {
  return output(`test/support/${name}`, `${projectRoot}test/support/${name}`, args);
}

function output(what: string, file: string, args: string[]): string {
  const run = spawnSync(file, args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 600_000,
  });
  if (run.stderr) process.stderr.write(run.stderr);
  if (run.status !== 0) {
    const last = run.stderr?.trim().split('\n').at(-1);
    throw new SetupError(last || run.error?.message || `${what} ended with ${run.status}`);
  }
  return run.stdout;
}

/**
 * An engine that answers: the one that the docker CLI would find, else one of our own (test/support/engine.sh).
 * Sets DOCKER_HOST in this process's environment. An engine of our own is stopped when the process ends.
 * @param onSignal what a Ctrl-C or a SIGTERM does: `stop` the engine and end the process (default), or `nothing`, where the
 *   caller has something to end first
 */
export function ensureEngine({ onSignal = 'stop' }: { onSignal?: 'stop' | 'nothing' } = {}): TestEngine {
  const answer = script('engine.sh', ['start']);
  const host = /^DOCKER_HOST=(.+)$/m.exec(answer)?.[1];
  if (!host) throw new SetupError(`test/support/engine.sh said: ${answer.trim()}`);
  const started = /^STARTED=yes$/m.test(answer);
  const before = process.env.DOCKER_HOST;
  process.env.DOCKER_HOST = host;
  let stopped = false;
  const stop = () => {
    if (stopped) return;
    stopped = true;
    process.off('exit', stop);
    if (before === undefined) delete process.env.DOCKER_HOST;
    else process.env.DOCKER_HOST = before;
    if (started) script('engine.sh', ['stop']);
  };
  if (started) process.on('exit', stop);
  if (started && onSignal === 'stop') {
    for (const [signal, code] of Object.entries({ SIGINT: 130, SIGTERM: 143, SIGHUP: 129 })) {
      process.once(signal, () => {
        stop();
        process.exit(code);
      });
    }
  }
  return { host, started, stop };
}

/**
 * Makes the job image, unless it is there and its inputs are unchanged.
 * @param programs beyond the basics; those that the machine doesn't have are left out with a word on stderr
 */
export function buildJobImage(programs: readonly string[] = [], name: string = JOB_IMAGE): string {
  return script('job-image.sh', [
    name,
    ...(programs.length > 0 ? ['--with', programs.join(',')] : []),
  ]).trim();
}

/** Makes the image of jobgate itself, which gateways in containers need, unless it is there and unchanged. */
export function buildGatewayImage(): string {
  return output('jobgate image', process.execPath, [CLI, 'image']).trim();
}
