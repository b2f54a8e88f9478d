import { expect, test } from 'vitest';
import { startOrigin } from '../../support/origin.js';
import { startProxy } from '../../support/proxy.js';
import { RawClient } from '../../support/raw-client.js';

/** An origin that answers with the path, each as soon as it is told to. */
async function startHeld() {
  const held = new Map<string, () => void>();
  const origin = await startOrigin((request, response) => {
    held.set(request.url ?? '', () => response.end(`<${request.url}>`));
  });
  const asked = (path: string) => expect.poll(() => held.has(path)).toBe(true);
  const answer = async (path: string) => {
    await asked(path);
    held.get(path)?.();
  };
  const get = (path: string, lines = '', method = 'GET') =>
    `${method} http://allowed.test:${origin.port}${path} HTTP/1.1\r\nHost: x\r\n${lines}\r\n`;
  return { origin, asked, answer, get };
}

const bodies = (client: RawClient) => client.text.match(/<[^>]*>/g);

test.each([
  ['another request', (get: (path: string) => string) => get('/b'), '/b'],
  ['one in two pieces', (get: (path: string) => string) => get('/b').slice(0, 30), '/b'],
  ['one with a body', () => '', '/b'],
])('%s before the first is answered is answered after it', async (what, ahead, path) => {
  const { origin, answer, asked, get } = await startHeld();
  await using _ = origin;
  await using proxy = await startProxy();
  await using client = await RawClient.connect(proxy.port);
  const second = what === 'one with a body' ? `${get('/b', 'Content-Length: 2\r\n', 'POST')}hi` : get('/b');
  client.send(get('/a'));
  await asked('/a');
  const first = ahead(get) || second;
  client.send(first);
  // It is there before the answer is.
  await expect.poll(() => proxy.proxy.figures().up).toBe(get('/a').length + first.length);
  await answer('/a');
  await client.until('</a>');
  client.send(second.slice(first.length));
  await answer(path);
  await client.until('</b>');
  expect(bodies(client)).toEqual(['</a>', '</b>']);
  // And the connection goes on.
  client.send(get('/c', 'Connection: close\r\n'));
  await answer('/c');
  await client.untilEnd();
  expect(bodies(client)).toEqual(['</a>', '</b>', '</c>']);
});

test('a client that has sent its FIN gets its answer, and the connection ends', async () => {
  const { origin, answer, asked, get } = await startHeld();
  await using _ = origin;
  await using proxy = await startProxy();
  await using client = await RawClient.connect(proxy.port);
  client.send(get('/a'));
  await asked('/a');
  client.end();
  await answer('/a');
  await client.untilEnd();
  expect(bodies(client)).toEqual(['</a>']);
  await expect.poll(() => proxy.proxy.figures().connections).toBe(0);
});

test('one that sends its FIN behind another request gets both answers', async () => {
  const { origin, answer, asked, get } = await startHeld();
  await using _ = origin;
  await using proxy = await startProxy();
  await using client = await RawClient.connect(proxy.port);
  client.send(get('/a'));
  await asked('/a');
  client.send(get('/b'));
  client.end();
  await answer('/a');
  await answer('/b');
  await client.untilEnd();
  expect(bodies(client)).toEqual(['</a>', '</b>']);
  await expect.poll(() => proxy.proxy.figures().connections).toBe(0);
});

test('a client that leaves takes its request with it, and what it said ahead', async () => {
  const { origin, asked, get } = await startHeld();
  await using _ = origin;
  await using proxy = await startProxy();
  const client = await RawClient.connect(proxy.port);
  client.send(get('/a'));
  await asked('/a');
  client.send(get('/b'));
  await expect.poll(() => proxy.proxy.figures().up).toBe(get('/a').length + get('/b').length);
  client.reset();
  expect(await proxy.closed()).toMatchObject({ reason: 'client-reset' });
  await expect.poll(() => proxy.proxy.figures()).toMatchObject({ connections: 0, requests: 0 });
  await expect.poll(() => origin.sockets.size).toBe(0);
});
