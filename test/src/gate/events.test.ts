import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { GATE_LABEL } from '../../../docker/gateway/labels.js';
import { idOf } from '../../support/fake-docker.js';
import { GATE, type GateHere, gateHere } from '../../support/gate-here.js';
import { open } from '../../support/serve.js';

const DOMAINS = { 'jobgate.domains': 'example.com' };
/** Shown to everybody: tells that all before it was. */
const LAST = { Type: 'daemon', Action: 'reload' };

let here: GateHere;
beforeEach(async () => {
  here = await gateHere();
});
afterEach(() => here[Symbol.asyncDispose]());

/** The engine's end of a stream of events, and the client's. */
async function follow(at: GateHere, query = '') {
  const told = new Promise<ServerResponse>((resolve) =>
    at.docker.says.set('GET /events', (_, response) => {
      response.writeHead(200, { 'content-type': 'application/x-events' });
      response.flushHeaders();
      resolve(response);
    }),
  );
  const answer: IncomingMessage = await open(at.path, `/v1.41/events${query}`);
  answer.on('error', () => {});
  const lines = createInterface({ input: answer })[Symbol.asyncIterator]();
  const engine = await told;
  return {
    answer,
    engine,
    /** What the client sees of these. */
    async of(...events: unknown[]): Promise<unknown[]> {
      for (const event of [...events, LAST])
        engine.write(`${typeof event === 'string' ? event : JSON.stringify(event)}\n`);
      const seen: { Type: string; Actor?: { ID: string } }[] = [];
      for (;;) {
        const event = JSON.parse((await lines.next()).value);
        if (event.Type === LAST.Type) return seen.map(({ Type, Actor }) => `${Type} ${Actor?.ID}`);
        seen.push(event);
      }
    },
  };
}

const event = (Type: string, ID: string) => ({ Type, Action: 'x', Actor: { ID } });

it("events are of what is its client's own, also when that is gone, and of images", async () => {
  const own = await here.create('own');
  const theirs = here.docker.add('theirs');
  here.docker.volumes.push(
    { Name: 'mine', Labels: { [GATE_LABEL]: GATE } },
    { Name: 'theirs', Labels: { [GATE_LABEL]: 'another' } },
  );
  const { Id: network } = await here.post('/networks/create', { Name: 'net', Labels: DOMAINS }, 201);
  const { of, answer } = await follow(here);
  expect(answer.headers['content-type']).toBe('application/x-events');
  const late = (await here.post('/networks/create', { Name: 'late', Labels: DOMAINS }, 201)).Id;
  expect(
    await of(
      event('container', own),
      event('container', theirs),
      event('network', network),
      event('network', late),
      event('network', idOf('bridge')),
      event('volume', 'mine'),
      event('volume', 'theirs'),
      event('image', 'any'),
      event('secret', own),
      ...['', '{', 'null0', '{"Type":"container"}'],
    ),
  ).toEqual([
    `container ${own}`,
    ...[`network ${network}`, `network ${late}`],
    ...['volume mine', 'image any'],
  ]);
  await here.ask(`/containers/${own}`, { method: 'DELETE' });
  for (const name of ['net', 'late']) await here.ask(`/networks/${name}`, { method: 'DELETE' });
  expect(here.gate.own.gateways()).toEqual([]);
  expect(await of(event('container', own), event('network', network), event('network', late))).toEqual([
    ...[`container ${own}`, `network ${network}`, `network ${late}`],
  ]);
});

it("events are of others' as well where the operator says so", async () => {
  await using all = await gateHere({ JOBGATE_GATE_READ_OTHERS: 'true' });
  const { of } = await follow(all);
  expect(await of(event('container', 'theirs'), event('secret', 'x'))).toEqual([
    ...['container theirs', 'secret x'],
  ]);
});

it('of the query what is known is asked', async () => {
  await follow(here, '?since=1&until=2&filters=%7B%7D&all=1');
  expect(here.asked('GET /events').path).toBe('/v1.41/events?since=1&until=2&filters=%7B%7D');
});

it('what the engine refuses is refused in its words', async () => {
  here.docker.says.set('GET /events', [400, { message: 'bad filter' }]);
  expect(await here.ask('/events')).toMatchObject({ status: 400, body: { message: 'bad filter' } });
  here.docker.says.set('GET /events', (_, response) => void response.destroy());
  expect(await here.ask('/events')).toMatchObject({
    ...{ status: 503, body: { message: expect.stringContaining('the engine does not answer') } },
  });
  here.docker.says.set('GET /events', (_, response) => void response.writeHead(204).end());
  expect(await here.ask('/events')).toMatchObject({ status: 204, body: '' });
});

it('they end with those of the engine, and the engine is left when the client goes', async () => {
  const first = await follow(here);
  first.answer.resume();
  first.engine.end();
  await once(first.answer, 'end');
  expect(first.answer.complete).toBe(true);

  const second = await follow(here);
  second.answer.destroy();
  await once(second.engine, 'close');
  expect(second.engine.writableFinished).toBe(false);
});

it('a line that does not end is no event: the stream breaks off', async () => {
  const { answer, engine } = await follow(here);
  answer.resume();
  engine.on('error', () => {});
  engine.write('x'.repeat((1 << 20) + 1));
  await new Promise((resolve) => answer.once('close', resolve));
  expect(answer.complete).toBe(false);
});

it('who reads too slowly is dropped', async () => {
  const { answer, engine } = await follow(here);
  answer.pause();
  const line = `${JSON.stringify({ Type: 'image', Actor: { ID: 'x'.repeat(1 << 19) } })}\n`;
  const closed = once(engine, 'close');
  const more = () => {
    for (let n = 0; n < 4; n++) engine.write(line);
    if (!engine.destroyed) setImmediate(more);
  };
  more();
  await closed;
  answer.resume();
  await new Promise((resolve) => answer.once('close', resolve));
  expect(answer.complete).toBe(false);
});
