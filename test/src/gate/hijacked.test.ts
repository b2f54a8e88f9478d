import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { idOf } from '../../support/fake-docker.js';
import { type GateHere, gateHere } from '../../support/gate-here.js';
import { RawClient } from '../../support/raw-client.js';

const EXEC = idOf('exec');
const UPGRADE = ['Connection: Upgrade', 'Upgrade: tcp'];

let here: GateHere;
let own: string;
let client: RawClient;
beforeEach(async () => {
  here = await gateHere();
  own = await here.create('own');
  here.docker.says.set(`GET /exec/${EXEC}/json`, [200, { ContainerID: own }]);
  client = await RawClient.connect(here.path);
});
afterEach(async () => {
  await client[Symbol.asyncDispose]();
  await here[Symbol.asyncDispose]();
});

const request = (path: string, headers: readonly string[], body = '') =>
  `POST ${path} HTTP/1.1\r\nHost: docker\r\n${headers.map((one) => `${one}\r\n`).join('')}\r\n${body}`;
const withLength = (path: string, headers: readonly string[], body: unknown, behind = '') => {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return request(path, [...headers, `Content-Length: ${text.length}`], text + behind);
};
/** The engine's end. */
const engineEnd = async () => {
  await vi.waitFor(() => expect(here.engine.upgrades.connections).toHaveLength(1));
  return here.engine.upgrades.connections[0] as (typeof here.engine.upgrades.connections)[number];
};
const problemOf = (answer: string) => JSON.parse(answer.split('\r\n\r\n')[1] ?? '').message;

describe.each([
  ['by an upgrade', UPGRADE, 'HTTP/1.1 101 UPGRADED', 'Connection: Upgrade\r\nUpgrade: tcp\r\n'],
  ['without one', [], 'HTTP/1.1 200 OK', ''],
])('a connection, %s,', (_, headers, status, more) => {
  const attach = withLength('/v1.41/containers/own/attach?stream=1&x=1', headers, '');

  it('carries both directions, each to its end', async () => {
    client.send(attach);
    const engine = await engineEnd();
    expect(await client.until('\r\n\r\n')).toBe(
      `${status}\r\nContent-Type: application/vnd.docker.raw-stream\r\n${more}\r\n`,
    );
    expect(here.engine.asked).toContain(`POST /v1.41/containers/${own}/attach?stream=1`);
    client.send('input');
    await vi.waitFor(() => expect(engine.received).toBe('input'));
    engine.socket.write('output');
    await client.until('output');
    // The input ends, and what comes of it is still to come.
    const ended = new Promise((resolve) => engine.socket.once('end', resolve));
    client.end();
    await ended;
    expect(client.ended).toBe(false);
    engine.socket.end('the rest');
    await client.untilEnd();
    expect(client.text).toContain('outputthe rest');
  });

  it('ends for the one when it breaks off for the other', async () => {
    client.send(attach);
    const engine = await engineEnd();
    await client.until('\r\n\r\n');
    const ended = new Promise((resolve) => engine.socket.once('end', resolve));
    client.socket.destroy();
    await ended;
    await using other = await RawClient.connect(here.path);
    other.send(attach);
    await other.until('\r\n\r\n');
    here.engine.upgrades.connections[1]?.socket.destroy();
    await other.untilEnd();
  });

  it('has the type of the engine, and what came with its answer', async () => {
    here.engine.upgrades.answer =
      'HTTP/1.1 101 UPGRADED\r\nContent-Type: a/b\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\nfirst';
    client.send(attach);
    expect(await client.until('first')).toBe(`${status}\r\nContent-Type: a/b\r\n${more}\r\nfirst`);
  });

  it('is none where the engine refuses', async () => {
    const said = '{"message":"it is not running"}';
    here.engine.upgrades.answer = `HTTP/1.1 409 Conflict\r\nContent-Type: application/json\r\nContent-Length: ${said.length}\r\n\r\n${said}`;
    client.send(headers.length > 0 ? `${attach}input` : attach);
    expect(await client.until(said)).toMatch(/^HTTP\/1\.1 409 .*Content-Type: application\/json/is);
    expect((await engineEnd()).received).toBe('');
  });

  it("is not to another's container", async () => {
    here.docker.add('theirs');
    client.send(withLength('/containers/theirs/attach', headers, ''));
    const answer = await client.until('}');
    expect(answer).toMatch(/^HTTP\/1\.1 404 /);
    expect(problemOf(answer)).toBe('No such container: theirs');
    expect(here.engine.upgrades.connections).toEqual([]);
  });

  it("of a command has what its client says, judged, and the command's input behind it", async () => {
    const body = { Detach: false, Tty: true, ConsoleSize: [1, 2], hijack: true, stdin: true };
    client.send(withLength(`/v1.41/exec/${EXEC}/start`, headers, body));
    const engine = await engineEnd();
    await vi.waitFor(() => expect(engine.received).toBe('{"Detach":false,"Tty":true,"ConsoleSize":[1,2]}'));
    expect(engine.headers['content-type']).toBe('application/json');
    expect(here.engine.asked).toContain(`POST /v1.41/exec/${EXEC}/start`);
    await client.until('\r\n\r\n');
    client.send('input');
    await vi.waitFor(() => expect(engine.received).toMatch(/\]\}input$/));
  });

  it('of a command is none with more than that', async () => {
    client.send(withLength(`/exec/${EXEC}/start`, headers, { Tty: true, Privileged: true }));
    const answer = await client.until('}');
    expect(answer).toMatch(/^HTTP\/1\.1 403 /);
    expect(problemOf(answer)).toBe('jobgate: Privileged is not known here: leave it out');
    expect(here.engine.upgrades.connections).toEqual([]);
  });

  it('of a command may have no body', async () => {
    client.send(withLength(`/exec/${EXEC}/start`, headers, ''));
    await vi.waitFor(async () => expect((await engineEnd()).received).toBe('{}'));
  });

  it('of a container takes its body for nothing', async () => {
    client.send(withLength('/containers/own/attach', headers, { stream: 1, Privileged: true }));
    await client.until('\r\n\r\n');
    client.send('input');
    const engine = await engineEnd();
    await vi.waitFor(() => expect(engine.received).toBe('input'));
    expect(engine.headers['content-length']).toBe('0');
    expect(engine.headers).not.toHaveProperty('content-type');
  });
});

it('a client that goes while the engine is asked gets no connection', async () => {
  const { answer } = here.engine.upgrades;
  here.engine.upgrades.answer = '';
  client.send(withLength('/containers/own/attach', [], ''));
  const engine = await engineEnd();
  const ended = new Promise((resolve) => engine.socket.once('end', resolve));
  client.socket.destroy();
  const { server } = here.gate;
  const count = () => new Promise((resolve) => server.getConnections((_, n) => resolve(n)));
  await vi.waitFor(async () => expect(await count()).toBe(0));
  engine.socket.write(answer);
  await ended;
  // Its other direction is closed as well, else the engine would wait for somebody to take what it writes.
  const closed = new Promise((resolve) => engine.socket.once('close', resolve));
  engine.socket.write('output');
  await closed;
});

describe('a request for an upgrade', () => {
  const refused = async (text: string) => {
    client.send(text);
    const answer = await client.until('}');
    await client.untilEnd();
    expect(here.engine.upgrades.connections).toEqual([]);
    return `${answer.split('\r\n')[0]} ${problemOf(answer)}`;
  };

  it.each([
    ['another', '/containers/own/wait', UPGRADE],
    ['of another kind', '/containers/own/attach', ['Connection: Upgrade', 'Upgrade: websocket']],
  ])('for %s is refused', async (_, path, headers) => {
    expect(await refused(request(path, headers))).toBe(
      'HTTP/1.1 400 Refused jobgate: this request is not one for an upgrade',
    );
  });

  it('may spell it in any case', async () => {
    client.send(request('/containers/own/attach', ['Connection: upgrade', 'Upgrade: TCP']));
    expect(await client.until('\r\n\r\n')).toMatch(/^HTTP\/1\.1 101/);
  });

  it.each([
    ['no length', ['Transfer-Encoding: chunked'], '2\r\n{}\r\n0\r\n\r\n'],
    ['more than is read', ['Content-Length: 65537'], '{}'],
  ])('has no body of %s', async (_, headers, body) => {
    expect(await refused(request(`/exec/${EXEC}/start`, [...UPGRADE, ...headers], body))).toBe(
      'HTTP/1.1 400 Refused jobgate: a request for an upgrade has a body of a known length, or none',
    );
  });

  it('may come in pieces, with input behind it', async () => {
    const text = withLength(`/exec/${EXEC}/start`, UPGRADE, { Tty: true }, 'input');
    client.send(text.slice(0, -10));
    await vi.waitFor(() => expect(here.times(`GET /exec/${EXEC}/json`)).toBe(1));
    client.send(text.slice(-10));
    const engine = await engineEnd();
    await vi.waitFor(() => expect(engine.received).toBe('{"Tty":true}input'));
  });

  it('whose body does not come is none', async () => {
    const text = withLength(`/exec/${EXEC}/start`, UPGRADE, { Tty: true });
    client.send(text.slice(0, -1));
    await vi.waitFor(() => expect(here.times(`GET /exec/${EXEC}/json`)).toBe(1));
    client.end();
    await client.untilEnd();
    // Where Node reads the body itself, it hangs up.
    expect(client.text).toMatch(/^(HTTP\/1\.1 400 Refused|$)/);
    expect(here.engine.upgrades.connections).toEqual([]);
  });
});
