import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type Dockerode from 'dockerode';
import { startContainer } from '../../docker/engine/container.js';
import { EngineError } from '../../docker/engine/errors.js';
import { lineSplitter } from '../../proxy/util/line-splitter.js';
import { packageFile } from '../../proxy/util/package-files.js';
import type { Plan, Said, Surroundings } from './inside/plan.js';
import { saidReader } from './said.js';

/** The prober's text: it goes along as an argument, so that the engine needs to see no file and the image only Node. */
export function program(): string {
  return readFileSync(packageFile('dist/src/verify/inside/main.js'), 'utf8');
}

export interface Prober extends AsyncDisposable {
  /** What is around it, once it has made all of its attempts. @throws EngineError where it ends before */
  readonly done: Promise<Surroundings>;
  /** Why it has ended; undefined while it runs. */
  readonly over: () => string | undefined;
}

export interface ContainedProber extends Prober {
  /** What the engine says of its networks and ports. */
  networks(): Promise<Dockerode.ContainerInspectInfo['NetworkSettings']>;
}

interface ContainerOptions {
  readonly image: string;
  readonly plan: Plan;
  readonly create: Dockerode.ContainerCreateOptions & { readonly name: string };
}

/** Starts a prober in a container. What it says is told as it says it. */
export async function startProber(
  docker: Dockerode,
  { image, plan, create }: ContainerOptions,
  onSaid: (said: Said) => void,
): Promise<ContainedProber> {
  const output = new ProberOutput(plan, onSaid);
  const container = await startContainer(
    docker,
    {
      ...create,
      Image: image,
      // A hostile job is root in its container.
      User: '0:0',
      Entrypoint: ['node', '--input-type=module', '-e', program()],
      Cmd: [JSON.stringify(plan)],
      Healthcheck: { Test: ['NONE'] },
      AttachStdout: true,
      AttachStderr: true,
    },
    output,
  );
  void container.exited.then(output.ended, output.fail);
  return {
    done: output.done,
    over: () => output.over,
    networks: async () => (await docker.getContainer(create.name).inspect()).NetworkSettings,
    [Symbol.asyncDispose]: () => container.remove(),
  };
}

/** Starts one by a command that runs what is behind it in a container that is there; its text is its stdin. */
export function startProberBy(
  [file, ...args]: readonly [string, ...string[]],
  plan: Plan,
  onSaid: (said: Said) => void,
): Prober {
  const output = new ProberOutput(plan, onSaid);
  const child = spawn(file, [...args, 'node', '--input-type=module', '-'], { stdio: 'pipe' });
  child.once('error', output.fail);
  child.once('close', (code) => output.ended(code ?? 1));
  child.stdout.pipe(output.stdout);
  child.stderr.pipe(output.stderr);
  child.stdin.on('error', () => {}); // it ended, which is told
  child.stdin.end(`globalThis.jobgateVerifyPlan = ${JSON.stringify(plan)};\n${program()}`);
  return {
    done: output.done,
    over: () => output.over,
    async [Symbol.asyncDispose]() {
      child.kill();
    },
  };
}

const LINE = 1 << 20;
/** What is shown of an error, characters. */
const ERROR = 300;

/** What a prober writes, read line by line. */
class ProberOutput {
  readonly done: Promise<Surroundings>;
  readonly stdout: NodeJS.WritableStream;
  readonly stderr: NodeJS.WritableStream;
  fail: (error: Error) => void = () => {};
  #errors = '';

  constructor(plan: Plan, onSaid: (said: Said) => void) {
    const readSaid = saidReader(plan);
    let finish: (around: Surroundings) => void = () => {};
    this.done = new Promise((resolve, reject) => {
      finish = resolve;
      this.fail = reject;
    });
    this.done.catch(() => {}); // told to whoever waits for it
    this.stdout = lineSplitter((line) => {
      const said = readSaid(line);
      if (said?.says === 'done') finish(said);
      else if (said?.says === 'failed') this.fail(new EngineError(`the prober failed: ${said.why}`));
      else if (said) onSaid(said);
    }, LINE);
    this.stderr = lineSplitter((line) => {
      // Node shows where it was thrown before what.
      if (this.#errors === '' || (!isError(this.#errors) && isError(line)))
        this.#errors = line.slice(0, ERROR);
    }, LINE);
    for (const stream of [this.stdout, this.stderr]) stream.on('error', this.fail);
  }

  /** Why it has ended. */
  over: string | undefined;

  readonly ended = (code: number) => {
    this.over = `the prober ended with ${code}: ${this.#errors || 'it said nothing'}`;
    this.fail(new EngineError(this.over));
  };
}

const isError = (line: string) => /^\w*Error/.test(line);
