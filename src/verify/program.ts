import { readFileSync } from 'node:fs';
import type Dockerode from 'dockerode';
import { startContainer } from '../../docker/engine/container.js';
import { EngineError } from '../../docker/engine/errors.js';
import { lineSplitter } from '../../proxy/util/line-splitter.js';
import { packageFile } from '../../proxy/util/package-files.js';
import type { Plan, Said, Surroundings } from './inside/plan.js';

/** The prober's text: it goes along as an argument, so that the engine needs to see no file and the image only Node. */
export function program(): string {
  return readFileSync(packageFile('dist/src/verify/inside/main.js'), 'utf8');
}

export interface Prober extends AsyncDisposable {
  /** What is around it, once it has made all of its attempts. @throws EngineError where it ends before */
  readonly done: Promise<Surroundings>;
  /** What the engine says of its networks and ports. */
  networks(): Promise<Dockerode.ContainerInspectInfo['NetworkSettings']>;
}

const LINE = 1 << 20;

/** Starts a prober in a container. What it says is told as it says it. */
export async function startProber(
  docker: Dockerode,
  {
    image,
    plan,
    create,
  }: { image: string; plan: Plan; create: Dockerode.ContainerCreateOptions & { name: string } },
  onSaid: (said: Said) => void,
): Promise<Prober> {
  let errors = '';
  let done: (around: Surroundings) => void = () => {};
  let fail: (error: Error) => void = () => {};
  const finished = new Promise<Surroundings>((resolve, reject) => {
    done = resolve;
    fail = reject;
  });
  finished.catch(() => {});
  const onLine = (line: string) => {
    // It may be another program that writes there.
    const said = readSaid(line);
    if (!said) return;
    if (said.says === 'done') done(said);
    else if (said.says === 'failed') fail(new EngineError(`the prober failed: ${said.why}`));
    else onSaid(said);
  };
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
    {
      stdout: lineSplitter(onLine, LINE),
      stderr: lineSplitter((line) => {
        if (errors === '' || (/^\w*Error/.test(line) && !/^\w*Error/.test(errors))) errors = line;
      }, LINE),
    },
  );
  void container.exited.then(
    (code) => fail(new EngineError(`the prober ended with ${code}: ${errors || 'it said nothing'}`)),
    (error: Error) => fail(error),
  );
  return {
    done: finished,
    networks: async () => (await docker.getContainer(create.name).inspect()).NetworkSettings,
    [Symbol.asyncDispose]: () => container.remove(),
  };
}

export function readSaid(line: string): Said | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null && 'says' in value ? (value as Said) : undefined;
  } catch {
    return undefined;
  }
}
