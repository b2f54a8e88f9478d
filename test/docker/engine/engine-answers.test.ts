import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { startContainer } from '../../../docker/engine/container.js';
import { engineMessage } from '../../../docker/engine/errors.js';
import { ensureImage } from '../../../docker/engine/image.js';
import { fakeEngine, json } from '../../support/fake-engine.js';
import { growth } from '../../support/growth.js';

const stdio = { stdout: process.stdout, stderr: process.stderr };

describe('what the engine is asked', () => {
  it.each(['get?names=X&x=', '../containers/json', 'a/../../info', 'a#', 'a b', 'a\r\nX: y', '', 'x\\y'])(
    'never has a path that a name makes: %j',
    async (name) => {
      await using fake = await fakeEngine((_request, response) => json(response, {}));
      const { docker } = fake.engine;
      await expect(docker.getImage(name).inspect()).rejects.toThrow(/none that the engine could have/);
      await expect(docker.getNetwork(name).inspect()).rejects.toThrow(/none that the engine could have/);
      await expect(ensureImage(docker, name, { pull: 'never' })).rejects.toThrow(/none that the engine/);
      expect(fake.asked).toEqual([]);
    },
  );

  it('tells the status of an answer that is an error', async () => {
    await using fake = await fakeEngine((_request, response) => json(response, { message: 'no' }, 500));
    const refused = ensureImage(fake.engine.docker, 'alpine', { pull: 'never' });
    await expect(refused).rejects.toMatchObject({ name: 'EngineError', status: 500 });
  });

  it('has the names that engines do have', async () => {
    await using fake = await fakeEngine((_request, response) => json(response, { ok: 1 }));
    const digest = `sha256:${'0'.repeat(64)}`;
    for (const name of ['alpine', 'localhost:5000/a/b__c:1.0-x_Y', `[::1]:5000/a@${digest}`, digest]) {
      await expect(fake.engine.docker.getImage(name).inspect()).resolves.toEqual({ ok: 1 });
    }
  });

  it('has what a container is made of in the body alone', async () => {
    let body = '';
    await using fake = await fakeEngine(async (request, response) => {
      body = await text(request);
      json(response, { Id: 'abc' }, 201);
    });
    const Cmd = ['x'.repeat(2 << 20)];
    const container = await fake.engine.docker.createContainer({ name: 'n', Image: 'i', Cmd });
    expect(container.id).toBe('abc');
    expect(fake.asked).toEqual(['POST /containers/create?name=n']);
    expect(JSON.parse(body)).toEqual({ Image: 'i', Cmd });
  });

  it('is no input of a container that is attached to', async () => {
    await using fake = await fakeEngine(() => {});
    const options = { stream: true, hijack: true, stdin: true, stdout: true, stderr: true };
    const stream = await fake.engine.docker.getContainer('c').attach(options);
    stream.write('its input');
    await expect.poll(() => fake.asked.length).toBeGreaterThan(1);
    const [asked, input] = fake.asked;
    expect(asked).toMatch(/^POST \/containers\/c\/attach\?.*stdin=true/);
    expect(input).toBe('its input');
  });
});

describe('what the engine answers', () => {
  it('is read whole up to a limit: about an image, and about all else', async () => {
    const piece = Buffer.alloc(1 << 20, 'x');
    await using fake = await fakeEngine((_request, response) => {
      const next = () => {
        while (!response.destroyed && response.write(piece));
      };
      response.on('drain', next);
      next();
    });
    const { docker } = fake.engine;
    await expect(docker.getImage('a').inspect()).rejects.toThrow('more than 1 MiB');
    await expect(docker.listContainers()).rejects.toThrow('more than 64 MiB');
  });

  it('is an error where it breaks off', async () => {
    await using fake = await fakeEngine((_request, response) => {
      response.writeHead(200, { 'content-length': '100' }).write('{');
      setTimeout(() => response.destroy(), 20);
    });
    await expect(fake.engine.docker.listContainers()).rejects.toThrow();
  });

  it('and why it refuses is told as ever', async () => {
    await using fake = await fakeEngine((_request, response) =>
      json(response, { message: 'no such thing' }, 404),
    );
    const refused = await fake.engine.docker
      .getContainer('abc')
      .inspect()
      .catch((error) => error);
    expect(refused).toMatchObject({ statusCode: 404, json: { message: 'no such thing' } });
    expect(engineMessage(refused)).toBe('no such thing');
  });
});

describe('the progress of a pull', () => {
  const pull = async (lines: string, labels = {}) => {
    let isHere = false;
    await using fake = await fakeEngine((request, response) => {
      if (request.method === 'GET' && isHere) return json(response, { Config: { Labels: labels } });
      if (request.method === 'GET') return json(response, { message: 'no such image' }, 404);
      isHere = true;
      response.end(lines);
    });
    return await ensureImage(fake.engine.docker, 'alpine');
  };

  it('is followed to its end', async () => {
    await pull('{"status":"Pulling"}\r\n\r\n{"id":"a","status":"Pull complete"}\r\n');
  });

  it('gives no image that every list of containers would repeat by the megabyte', async () => {
    const done = '{"status":"done"}\n';
    expect(await pull(done, { a: 'x'.repeat(100_000) })).toHaveProperty('Config.Labels.a');
    await expect(pull(done, { a: 'x'.repeat(2 << 20) })).rejects.toThrow('more than 1 MiB');
  });

  it.each([
    ['{"errorDetail":{"message":"denied"},"error":"denied"}\n', 'cannot pull alpine:latest: denied'],
    ['{"status":"Pull\n', 'cannot pull alpine:latest'],
    ['null\n', 'cannot pull alpine:latest'],
    [`{"status":"${'x'.repeat(1 << 20)}"}\n`, 'a line of more than 65536 bytes'],
  ])('fails the pull, and nothing else: %.40j', (lines, message) =>
    expect(pull(lines)).rejects.toThrow(message),
  );
});

describe("the engine's message, which repeats the job's command", () => {
  const refusal = async (message: string) => {
    await using fake = await fakeEngine((request, response) => {
      if (request.url?.includes('/create')) return json(response, { Id: 'abc' });
      if (request.url?.includes('/start')) return json(response, { message }, 400);
      if (request.url?.includes('/wait')) return void response.writeHead(200).flushHeaders();
      response.writeHead(204).end();
    });
    const start = startContainer(fake.engine.docker, { Image: 'image' }, stdio);
    return (await start.catch((error) => error)) as Error & { exitCode?: number };
  };

  it('is read in time that grows with its length', async () => {
    const reads = (pieces: number) => () => refusal('exec '.repeat(pieces));
    expect(await growth(reads, 5_000, 40_000)).toBeLessThan(20);
  });

  it.each([
    ['not found', `exec: "${'x'.repeat(50_000)}": executable file not found in $PATH: unknown`, 127],
    ['not a file', 'exec: "/a/b": stat /a/b: no such file or directory: unknown', 127],
    ['not executable', `exec: "/${'x'.repeat(50_000)}": permission denied: unknown`, 126],
    ['anything else', 'no space left on device', undefined],
  ])('is short, and tells what it did: %s', async (_name, message, exitCode) => {
    const error = await refusal(message);
    expect(error.message.length).toBeLessThan(4_300);
    expect(error.exitCode).toBe(exitCode);
  });
});

it('many requests at once cost what each costs', async () => {
  await using fake = await fakeEngine((_request, response) => json(response, []));
  const { docker } = fake.engine;
  const atOnce = (count: number) => () =>
    Promise.all(Array.from({ length: count }, () => docker.listNetworks()));
  expect(await growth(atOnce, 20, 200)).toBeLessThan(25);
});
