import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { createAdmission } from '../../admission/admission.js';
import type { AdmissionConfig } from '../../admission/config.js';
import { jobOn } from './jobs.js';

const job = jobOn('HTTP', 'example.com');
const servers: { close(): void }[] = [];
afterEach(() => {
  vi.unstubAllEnvs();
  for (const server of servers.splice(0)) server.close();
});

async function serve(
  handle: (request: IncomingMessage, response: ServerResponse, body: string) => void,
): Promise<string> {
  const server: Server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => {
      body += chunk;
    });
    request.on('end', () => handle(request, response, body));
  });
  servers.push({ close: () => server.close().closeAllConnections() });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/probe`;
}

async function ask(probeHttp: string, config: AdmissionConfig = {}) {
  await using admission = createAdmission({ ...config, probeHttp });
  return await admission.decide(job);
}

/** What admission says where the probe answers this. */
async function answered(status: number, type: string | undefined, body: string, config?: AdmissionConfig) {
  const url = await serve((_, response) =>
    response.writeHead(status, type === undefined ? {} : { 'Content-Type': type }).end(body),
  );
  return ask(url, config);
}

const JSON_TYPE = 'application/json';

describe('an HTTP probe', () => {
  it('gets the job as JSON by POST', async () => {
    let seen: unknown;
    const url = await serve(({ method, url: path, headers }, response, body) => {
      seen = { method, path, type: headers['content-type'], length: headers['content-length'], body };
      response.end();
    });
    expect((await ask(url)).shouldBid).toBe(true);
    const body = JSON.stringify({ Job: job.spec });
    expect(seen).toEqual({
      method: 'POST',
      path: '/probe',
      type: JSON_TYPE,
      length: String(Buffer.byteLength(body)),
      body,
    });
  });

  it.each([
    [200, true],
    [204, true],
    [400, false],
    [403, false],
    [500, false],
  ])('whose answer is no JSON decides by its status: %s, %s', async (status, shouldBid) => {
    expect(await answered(status, undefined, '')).toMatchObject({ shouldBid });
    if (status !== 204)
      expect(await answered(status, 'text/plain', '{"shouldBid":false}')).toMatchObject({ shouldBid });
  });

  it.each([
    ['{"shouldBid":true,"reason":"fine"}', true, /: fine$/],
    ['{"ShouldBid":true,"Reason":"fine"}', true, /: fine$/],
    ['{"shouldBid":false,"reason":"not today"}', false, /^this node does not accept jobs .*: not today$/],
    ['{"ShouldBid":false,"Reason":"not today"}', false, /: not today$/],
    ['{"SHOULDBID":false}', false, /that its HTTP probe refuses$/],
    ['{"shouldBid":true,"reason":7}', true, /that its HTTP probe accepts$/],
    ['{"shouldBid":true,"ShouldBid":false}', false, /refuses$/],
    ['{"shouldBid":false,"reason":"a\\nb\\u001b[0m"}', false, /: a b \[0m$/],
    ['{}', false, /without shouldBid/],
    ['{"reason":"hm"}', false, /without shouldBid/],
    ['{"shouldBid":"true"}', false, /without shouldBid/],
    ['{"shouldBid":1}', false, /without shouldBid/],
    ['true', false, /without shouldBid/],
    ['null', false, /without shouldBid/],
    ['[{"shouldBid":true}]', false, /without shouldBid/],
    ['{"shouldBid":true', false, /broken JSON/],
    ['', false, /broken JSON/],
  ])('answers %s: %s', async (body, shouldBid, reason) => {
    const verdict = await answered(200, JSON_TYPE, body);
    expect(verdict.shouldBid).toBe(shouldBid);
    expect(verdict.reason.split('; ').at(-1)).toMatch(reason);
  });

  it.each([
    'application/json; charset=utf-8',
    'Application/JSON;q=1',
    ' application/json ',
    'application/vnd.node+json',
  ])('speaks JSON as %j', async (type) => {
    expect(await answered(200, type, '{"shouldBid":false}')).toMatchObject({ shouldBid: false });
    expect(await answered(200, type, '{"shouldBid":true}')).toMatchObject({ shouldBid: true });
  });

  it('cannot accept with a status that refuses, but can say why', async () => {
    expect(await answered(403, JSON_TYPE, '{"shouldBid":true,"reason":"late"}')).toEqual({
      shouldBid: false,
      reason: 'this node does not accept jobs that its HTTP probe refuses: late',
    });
    expect((await answered(403, JSON_TYPE, 'nonsense')).reason).toContain('status 403');
  });

  it('that redirects refuses, and nobody follows', async () => {
    let followed = 0;
    const elsewhere = await serve((_, response) => {
      followed++;
      response.end();
    });
    for (const status of [301, 302, 307, 308]) {
      const url = await serve((_, response) => response.writeHead(status, { Location: elsewhere }).end());
      expect(await ask(url)).toMatchObject({
        shouldBid: false,
        reason: expect.stringContaining(`redirect (${status})`),
      });
    }
    expect(followed).toBe(0);
  });

  it('that is not there refuses', async () => {
    const url = await serve(() => {});
    servers.pop()?.close();
    expect(await ask(url)).toMatchObject({
      shouldBid: false,
      reason: expect.stringContaining('ECONNREFUSED'),
    });
  });

  it('that never answers refuses after its time', async () => {
    const url = await serve(() => {});
    const half = await serve((_, response) => {
      response.writeHead(200, { 'Content-Type': JSON_TYPE }).write('{"shouldBid":');
    });
    for (const hanging of [url, half]) {
      expect(await ask(hanging, { probeTimeoutMs: 300 })).toMatchObject({
        shouldBid: false,
        reason: expect.stringContaining('does not answer within 0.3 s'),
      });
    }
  });

  it('that floods refuses', async () => {
    let sent = 0;
    const url = await serve((_, response) => {
      response.writeHead(200, { 'Content-Type': JSON_TYPE });
      const more = () => {
        while (!response.destroyed && response.write('x'.repeat(65_536))) sent++;
      };
      response.on('drain', more);
      more();
    });
    expect((await ask(url)).reason).toContain('answers with more than 65536 bytes');
    expect(sent).toBeLessThan(1000);
  });

  it('that talks something else, or breaks off, refuses', async () => {
    for (const bytes of [
      'SSH-2.0-OpenSSH\r\n',
      'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 90\r\n\r\n{',
      '',
    ]) {
      const server = createTcpServer((socket) => {
        socket.on('error', () => {});
        socket.once('data', () => socket.end(bytes));
      });
      servers.push(server);
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const { port } = server.address() as AddressInfo;
      expect(await ask(`http://127.0.0.1:${port}/`)).toMatchObject({ shouldBid: false });
    }
  });

  it('is asked directly, whatever proxy the environment names', async () => {
    let proxied = 0;
    const proxy = await serve((_, response) => {
      proxied++;
      response.writeHead(403).end();
    });
    const url = await serve((_, response) => response.end());
    for (const name of ['http_proxy', 'HTTP_PROXY', 'all_proxy']) vi.stubEnv(name, proxy);
    for (const name of ['no_proxy', 'NO_PROXY']) vi.stubEnv(name, '');
    vi.stubEnv('NODE_USE_ENV_PROXY', '1');
    expect((await ask(url)).shouldBid).toBe(true);
    expect(proxied).toBe(0);
  });

  it('costs its own decision only', async () => {
    const url = await serve((_, response, body) => {
      if (!body.includes('hang.example.com')) response.end();
    });
    await using admission = createAdmission({ probeHttp: url, probeTimeoutMs: 1000, probeConcurrency: 2 });
    const hanging = admission.decide(jobOn('HTTP', 'hang.example.com'));
    const others = await Promise.all(Array.from({ length: 20 }, () => admission.decide(job)));
    expect(others.every(({ shouldBid }) => shouldBid)).toBe(true);
    expect((await hanging).shouldBid).toBe(false);
  });

  it.each(['', 'nonsense'])('needs a URL: %j', (probeHttp) => {
    const make = () => createAdmission({ probeHttp });
    if (probeHttp === '') expect(make().rules).not.toContain('HTTP probe');
    else expect(make).toThrow(/ProbeHTTP: .*http:/);
  });
  it.each(['ftp://a.example.com/', 'file:///etc/passwd'])('does not go to %s', (probeHttp) => {
    expect(() => createAdmission({ probeHttp })).toThrow(/ProbeHTTP/);
  });
});
