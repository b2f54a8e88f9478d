import type net from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { clientEnv } from '../../../docker/gateway/client-env.js';
import { DenialSummary } from '../../../src/job/denial-summary.js';
import { helloFor } from '../../support/client-hello.js';
import { type Origin, startTcpOrigin } from '../../support/origin.js';
import { startProxy } from '../../support/proxy.js';
import { denialOf, RawClient } from '../../support/raw-client.js';

/** What a person sets, having read a hint. */
interface Settings {
  readonly allow: readonly string[];
  readonly allowAddresses: readonly string[];
  readonly allowPorts: readonly number[];
}

const NOTHING: Settings = { allow: [], allowAddresses: [], allowPorts: [] };

/** Every address is reached through it, and none is. */
let everywhere: Origin;
beforeAll(async () => {
  everywhere = await startTcpOrigin((socket: net.Socket) => {
    const answers = [Buffer.from([5, 0]), Buffer.from([5, 0, 0, 1, 0, 0, 0, 0, 0, 0])];
    socket.on('data', () => {
      const answer = answers.shift();
      if (answer) socket.write(answer);
      else socket.end('no TLS');
    });
  });
});
afterAll(() => everywhere.close());

interface Outcome {
  /** Undefined where it was allowed. */
  readonly reason: string | undefined;
  /** What the end of the run says, and what the job is told. */
  readonly texts: readonly string[];
}

async function ask(request: string, settings: Settings, inside?: Buffer): Promise<Outcome> {
  await using proxy = await startProxy({
    ...settings,
    addHosts: [
      ['inside.test', '10.11.12.13'],
      ['public.test', '192.88.98.1'],
    ],
    upstream: `socks5://127.0.0.1:${everywhere.port}`,
  });
  await using client = await RawClient.connect(proxy.port);
  client.send(request);
  const { decision } = await proxy.decided(() => true);
  if (inside) {
    await client.until('\r\n\r\n');
    client.send(inside);
    await client.untilEnd();
  } else if (decision === 'deny') await client.untilEnd();
  const summary = new DenialSummary();
  for (const event of proxy.events) summary.add(event);
  // It was reached, and is nobody.
  const [denied] = proxy.denials.filter((reason) => reason !== 'tls-failed');
  const body = denialOf(client.text) === undefined ? [] : [client.text.split('\r\n\r\n')[1] ?? ''];
  return { reason: denied, texts: [summary.text(), ...body] };
}

function followed(text: string, settings: Settings): Settings {
  const flags = [...text.matchAll(/--(domain|allow-address|allow-port) ([^\s;)]+)/g)];
  const of = (name: string) => flags.filter(([, flag]) => flag === name).map(([, , value = '']) => value);
  return {
    allow: [...settings.allow, ...of('domain')],
    allowAddresses: [...settings.allowAddresses, ...of('allow-address')],
    allowPorts: [...settings.allowPorts, ...of('allow-port').map(Number)],
  };
}

const connect = (authority: string) => `CONNECT ${authority} HTTP/1.1\r\n\r\n`;
const get = (url: string) => `GET ${url} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`;

describe('a hint that is followed leads to what was asked for, and not to the next refusal', () => {
  const cases: [request: string, reason: string, given?: Partial<Settings>][] = [
    [connect('public.test:443'), 'domain-not-allowed'],
    [connect('public.test:80'), 'domain-not-allowed'],
    [connect('public.test:8443'), 'domain-not-allowed'],
    [connect('public.test:22'), 'domain-not-allowed'],
    [get('http://public.test/'), 'domain-not-allowed'],
    [get('http://public.test:8080/'), 'domain-not-allowed'],
    [get('https://public.test/'), 'domain-not-allowed'],
    [get('https://public.test:8443/'), 'domain-not-allowed'],
    [connect('192.88.98.1:443'), 'domain-not-allowed'],
    [connect('[2620:fe::fe]:443'), 'domain-not-allowed'],
    [connect('10.1.2.3:443'), 'domain-not-allowed'],
    [connect('10.1.2.3:22'), 'domain-not-allowed'],
    [connect('[fd00::1]:8443'), 'domain-not-allowed'],
    [get('http://169.254.169.254/latest/meta-data/'), 'domain-not-allowed'],
    [connect('public.test:22'), 'port-not-allowed', { allow: ['public.test'] }],
    [connect('public.test:1024'), 'port-not-allowed', { allow: ['public.test'] }],
    [get('https://public.test:8443/'), 'port-not-allowed', { allow: ['public.test'] }],
    [connect('10.1.2.3:443'), 'address-not-public', { allow: ['10.1.2.3'] }],
  ];

  it.each(cases)('%j: %s', async (request, reason, given = {}) => {
    const settings = { ...NOTHING, ...given };
    const refused = await ask(request, settings);
    expect(refused.reason).toBe(reason);
    expect(refused.texts).toHaveLength(2);
    for (const text of refused.texts) {
      expect((await ask(request, followed(text, settings))).reason, text).toBeUndefined();
    }
  });

  it('also of an address that only the operator may know, and of TLS to a port of plain HTTP', async () => {
    const inside = { ...NOTHING, allow: ['inside.test'] };
    const refused = await ask(connect('inside.test:443'), inside);
    expect([refused.reason, refused.texts[1]]).toEqual([
      'address-not-public',
      expect.not.stringContaining('10.11.12.13'),
    ]);
    expect(refused.texts[0]).toContain('--allow-address 10.11.12.13:443');
    expect(
      (await ask(connect('inside.test:443'), followed(refused.texts[0] ?? '', inside))).reason,
    ).toBeUndefined();

    const plain = { ...NOTHING, allow: ['public.test'] };
    const hello = helloFor('public.test');
    const tls = await ask(connect('public.test:8443'), plain, hello);
    expect(tls.reason).toBe('tls-to-plain-port');
    expect(
      (await ask(connect('public.test:8443'), followed(tls.texts[0] ?? '', plain))).reason,
    ).toBeUndefined();
  });

  it.each([
    [connect('127.0.0.1:9999'), '127.0.0.1'],
    [connect('127.0.0.5:443'), '127.0.0.5'],
    [get('http://0.0.0.0:9999/'), '0.0.0.0'],
    [get('http://[::1]:3000/'), '[::1]'],
    [get('http://localhost:3000/'), 'localhost'],
    [get('http://a.localhost/'), 'a.localhost'],
    [get('http://c0ffee123456:8080/'), 'c0ffee123456'],
  ])('%j is the job itself: no domain would help, and no_proxy does', async (request, host) => {
    const { reason, texts } = await ask(request, NOTHING);
    expect(reason).toBe('job-itself');
    expect(texts).toHaveLength(2);
    for (const text of texts) {
      expect(text).not.toMatch(/--domain|--allow/);
      const [, value = ''] = /-e no_proxy=([^\s)]+)/.exec(text) ?? [];
      expect(value).toBe(host);
      expect(clientEnv('http://192.0.2.1:1', { no_proxy: value }).env.no_proxy?.split(',')).toContain(value);
    }
  });

  it("the job's own address as well, whichever it is", async () => {
    await using proxy = await startProxy({ allow: [], allowAddresses: [], clients: ['127.0.0.9/32'] });
    await using client = await RawClient.connect(proxy.port, '127.0.0.1', '127.0.0.9');
    client.send(connect('127.0.0.9:443'));
    expect(denialOf(await client.until('\r\n\r\n'))).toBe('job-itself');
  });
});
