import { afterEach, beforeEach, expect, it } from 'vitest';
import { GATE_LABEL } from '../../../docker/gateway/labels.js';
import { GATE, type GateHere, gateHere } from '../../support/gate-here.js';

const OWN = { [GATE_LABEL]: GATE };
const OTHERS = { [GATE_LABEL]: 'another' };

let here: GateHere;
beforeEach(async () => {
  here = await gateHere();
  here.docker.volumes.push(
    ...[
      { Name: 'theirs', Labels: OTHERS },
      { Name: 'plain', Labels: null },
    ],
  );
});
afterEach(() => here[Symbol.asyncDispose]());

it('a volume is made with the label of the gate, whatever its client says of labels', async () => {
  const volume = { Name: 'mine', Driver: 'local', Labels: { a: 'b', ...OWN } };
  expect(await here.post('/v1.41/volumes/create', { Name: 'mine', Labels: { a: 'b' } }, 201)).toEqual(volume);
  expect(here.asked('POST /volumes/create')).toMatchObject({ path: '/v1.41/volumes/create', body: volume });
  // It is there by now, and its own.
  expect(await here.post('/volumes/create', { Name: 'mine' }, 201)).toEqual(volume);
  await here.post('/volumes/create', { Labels: {} }, 201);
  expect(here.asked('POST /volumes/create').body).toEqual({ Driver: 'local', Labels: OWN });
});

it.each([
  [{ Name: 'theirs' }, 404, 'No such volume: theirs'],
  [{ Name: 'plain' }, 404, 'No such volume: plain'],
  [
    { Name: 'x', Labels: { a: 'b', 'io.jobgate.gate': GATE } },
    403,
    "Labels: io.jobgate.gate is jobgate's own",
  ],
  [{ Name: 'x', Driver: 'nfs' }, 403, 'Driver: volumes are local'],
  [{ Name: 'x', DriverOpts: { device: '/etc' } }, 403, 'DriverOpts: a volume has no options here'],
  [{ Name: '/etc' }, 403, 'Name: "/etc" is neither an absolute path nor the name of a volume'],
  [{ Name: 'x', Labels: 5 }, 403, 'Labels must be an object of texts'],
  ['{', 400, 'the body is not usable'],
])('%j is not made', async (body, status, message) => {
  expect((await here.post('/volumes/create', body, status)).message).toContain(message);
});

it('what the engine says of a volume that it does not make is the answer', async () => {
  here.docker.says.set('POST /volumes/create', [500, { message: 'full' }]);
  expect(await here.post('/volumes/create', { Name: 'mine' }, 500)).toEqual({ message: 'full' });
});

it("volumes are listed, inspected and removed where they are their client's", async () => {
  await here.post('/volumes/create', { Name: 'mine' }, 201);
  expect((await here.ask('/v1.41/volumes')).body).toEqual({
    Volumes: [{ Name: 'mine', Driver: 'local', Labels: OWN }],
    Warnings: null,
  });
  expect((await here.ask('/volumes/mine')).body.Name).toBe('mine');
  for (const name of ['theirs', 'plain', 'nothing'])
    for (const method of ['GET', 'DELETE'])
      expect(await here.ask(`/volumes/${name}`, { method })).toMatchObject({
        status: 404,
        body: { message: `No such volume: ${name}` },
      });
  expect((await here.ask('/volumes/mine', { method: 'DELETE' })).status).toBe(204);
  expect(here.docker.volumes.map(({ Name }) => Name)).toEqual(['theirs', 'plain']);
  here.docker.says.set('GET /volumes', [200, { Volumes: null }]);
  expect((await here.ask('/volumes')).body).toEqual({ Volumes: [] });
});

it("others' are where the operator says so, to look at", async () => {
  await using open = await gateHere({ JOBGATE_GATE_READ_OTHERS: 'true' }, here.docker);
  expect((await open.ask('/volumes')).body.Volumes).toHaveLength(2);
  expect((await open.ask('/volumes/theirs')).status).toBe(200);
  expect((await open.ask('/volumes/theirs', { method: 'DELETE' })).status).toBe(404);
});

it.each([
  ['/v1.41', {}, true],
  ['', {}, true],
  ['/v1.42', {}, false],
  ['/v1.42', { all: ['1'] }, true],
  ['/v1.42', { all: ['TRUE'] }, true],
  ['/v1.42', { all: ['0'] }, false],
  ['/v1.51', { all: { true: true } }, true],
])('a prune of %s with filters %j removes its own, with names: %s', async (version, filters, removes) => {
  await here.post('/volumes/create', { Name: 'mine' }, 201);
  await here.post('/volumes/create', { Name: 'used' }, 201);
  here.docker.says.set('DELETE /volumes/used', [409, { message: 'in use' }]);
  const query = new URLSearchParams({ filters: JSON.stringify({ ...filters, label: ['a=b'] }) });
  const { body } = await here.ask(`${version}/volumes/prune?${query}`, { method: 'POST' });
  expect(body).toEqual({ VolumesDeleted: removes ? ['mine'] : [], SpaceReclaimed: 0 });
  expect(here.docker.volumes.some(({ Name }) => Name === 'mine')).toBe(!removes);
  expect(here.docker.volumes.map(({ Name }) => Name)).toEqual(expect.arrayContaining(['theirs', 'plain']));
  expect(decodeURIComponent(here.asked('GET /volumes').path)).toBe(
    `${version}/volumes?filters={"dangling":["true"],"label":["a=b"]}`,
  );
  if (removes) expect(here.asked('DELETE /volumes/mine').path).toBe(`${version}/volumes/mine`);
});

it('a prune without filters asks for what is in use by nobody; with one that is not known it is refused', async () => {
  here.docker.says.set('GET /volumes', [200, { Volumes: null }]);
  expect(await here.post('/v1.41/volumes/prune', undefined, 200)).toEqual({
    ...{ VolumesDeleted: [], SpaceReclaimed: 0 },
  });
  expect(decodeURIComponent(here.asked('GET /volumes').path)).toContain('?filters={"dangling":["true"]}');
  const query = new URLSearchParams({ filters: '{"name":["x"]}' });
  expect((await here.ask(`/volumes/prune?${query}`, { method: 'POST' })).body.message).toBe(
    'jobgate: filter name is not known here: only label, all',
  );
});
