import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type GateHere, gateHere } from '../../support/gate-here.js';

const GATEWAY_IMAGE = 'ghcr.io/bacalhau-project/http-gateway:v0.3.17';

let here: GateHere;
beforeEach(async () => {
  here = await gateHere();
  for (const asked of ['POST /images/create', 'DELETE /images/image', 'GET /distribution/a/b/json'])
    here.docker.says.set(asked, [200, { done: true }]);
});
afterEach(() => here[Symbol.asyncDispose]());

const pull = (query: string, at = here) => at.ask(`/v1.41/images/create?${query}`, { method: 'POST' });

describe('an image', () => {
  it('is pulled, with what of the query is known', async () => {
    expect((await pull('fromImage=a&tag=1&platform=linux&message=x')).body).toEqual({ done: true });
    expect(here.asked('POST /images/create').path).toBe(
      '/v1.41/images/create?fromImage=a&tag=1&platform=linux',
    );
    expect((await here.ask('/distribution/a/b/json')).body).toEqual({ done: true });
  });

  it.each(['fromSrc=-', 'fromSrc=-&fromImage=a', 'fromImage=', 'tag=1'])(
    'is not imported by %s',
    async (query) => {
      expect(await pull(query)).toMatchObject({
        status: 403,
        body: {
          message: expect.stringMatching(/^jobgate: images are not imported through the gate: pull one/),
        },
      });
      expect(here.times('POST /images/create')).toBe(0);
    },
  );

  it('is not pulled, and no registry asked, where the operator does not let them', async () => {
    await using strict = await gateHere({ JOBGATE_GATE_PULL_IMAGES: 'false' }, here.docker);
    for (const { status, body } of [
      await pull('fromImage=a', strict),
      await strict.ask('/distribution/a/b/json'),
    ]) {
      expect(status).toBe(403);
      expect(body.message).toBe(
        'jobgate: images are not pulled through the gate: its operator pulls them, or sets Gate.PullImages',
      );
    }
    expect(strict.engine.asked.filter((one) => /images|distribution/.test(one))).toEqual([]);
  });

  it('is removed where the operator lets them, and not otherwise', async () => {
    expect(await here.ask('/images/image', { method: 'DELETE' })).toMatchObject({
      status: 403,
      body: { message: expect.stringContaining('sets Gate.RemoveImages') },
    });
    expect(here.times('DELETE /images/image')).toBe(0);
    await using free = await gateHere({ JOBGATE_GATE_REMOVE_IMAGES: 'true' }, here.docker);
    expect(await free.ask('/images/image?force=1', { method: 'DELETE' })).toMatchObject({ status: 200 });
    expect(free.asked('DELETE /images/image').path).toBe('/images/image?force=1');
  });

  it('is pruned by nobody', async () => {
    for (const what of ['images', 'build'])
      expect(await here.post(`/${what}/prune`, undefined, 200)).toEqual({
        ...{ ImagesDeleted: null, CachesDeleted: null, SpaceReclaimed: 0 },
      });
    expect(here.engine.asked.filter((one) => one.includes('prune'))).toEqual([]);
  });

  it("is inspected as the engine has it, and that of a node's gateways is answered for", async () => {
    expect((await here.ask('/v1.41/images/image/json?platform=x&y=1')).body.Config).toEqual({ Env: [] });
    expect(here.asked('GET /images/image/json').path).toBe('/v1.41/images/image/json?platform=x');
    const { status, body } = await here.ask(`/images/${GATEWAY_IMAGE}/json`);
    expect(status).toBe(200);
    expect(body).toMatchObject({ RepoTags: [GATEWAY_IMAGE], Os: 'linux', Architecture: 'amd64', Size: 0 });
    expect(here.times(`GET /images/${GATEWAY_IMAGE}/json`)).toBe(0);
    expect((await here.ask(`/images/${GATEWAY_IMAGE}x/json`)).status).toBe(404);
  });
});
