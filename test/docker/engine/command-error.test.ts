import { PassThrough } from 'node:stream';
import { expect, it } from 'vitest';
import { startContainer } from '../../../docker/engine/container.js';
import { fakeEngine, json } from '../../support/fake-engine.js';

it.each([
  ['OCI runtime create failed: runc: exec: "x": executable file not found in $PATH: unknown', 127],
  ['exec: "/x": stat /x: no such file or directory', 127],
  ['exec: "/x": permission denied', 126],
  // Podman's, by way of crun.
  ['crun: executable file `x` not found in $PATH: No such file or directory: OCI runtime attempted', 127],
  ['crun: the path `/x` exists but it is not executable: OCI permission denied', 126],
  ['crun: cannot set sysctl: Operation not permitted', undefined],
])(
  'what an engine says of a command that it cannot start is the exit code of docker run: %s',
  async (message, code) => {
    await using fake = await fakeEngine((request, response) => {
      if (request.url?.startsWith('/containers/create')) json(response, { Id: 'c' }, 201);
      else if (request.url?.endsWith('/start')) json(response, { message }, 500);
      else if (request.method === 'DELETE') response.writeHead(204).end();
    });
    const stdio = { stdout: new PassThrough(), stderr: new PassThrough() };
    const started = startContainer(fake.engine.docker, { Image: 'i', Cmd: ['x'] }, stdio);
    await expect(started).rejects.toMatchObject(
      code === undefined ? { name: 'EngineError' } : { name: 'CommandError', exitCode: code },
    );
  },
);
