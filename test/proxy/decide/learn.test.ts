import { describe, expect, test } from 'vitest';
import { startEchoOrigin } from '../../support/origin.js';
import { startProxy, type TestProxyOptions } from '../../support/proxy.js';
import { denialOf, RawClient, statusOf } from '../../support/raw-client.js';

const HOSTS: NonNullable<TestProxyOptions['addHosts']> = [
  ['declared.test', '127.0.0.1'],
  ['other.test', '127.0.0.1'],
  ['sub.other.test', '127.0.0.1'],
  ['denied.test', '127.0.0.1'],
  ['private.test', '10.1.2.3'],
];

describe('a job that learns', () => {
  async function ask(
    options: TestProxyOptions,
    host: string,
    method: 'GET' | 'CONNECT' = 'GET',
    port?: number,
  ) {
    await using origin = await startEchoOrigin();
    await using proxy = await startProxy({ allow: ['declared.test'], addHosts: HOSTS, ...options });
    await using client = await RawClient.connect(proxy.port);
    const authority = `${host}:${port ?? origin.port}`;
    const target = method === 'GET' ? `http://${authority}/` : authority;
    client.send(`${method} ${target} HTTP/1.1\r\nHost: ${authority}\r\nConnection: close\r\n\r\n`);
    const answer = await client.until('\r\n\r\n');
    const [decision] = proxy.decisions;
    return { status: statusOf(answer), denial: denialOf(answer), learned: decision?.learned };
  }

  test('reaches what it does not declare, and the event says so', async () => {
    expect(await ask({ learn: true }, 'other.test')).toEqual({
      status: 200,
      denial: undefined,
      learned: true,
    });
    expect(await ask({ learn: true }, 'declared.test')).toEqual({
      status: 200,
      denial: undefined,
      learned: undefined,
    });
    // Without learn it is refused.
    expect(await ask({}, 'other.test')).toMatchObject({ status: 403, denial: 'domain-not-allowed' });
  });

  test.each<[string, TestProxyOptions, string, 'GET' | 'CONNECT', string, number?]>([
    ["the operator's denies", { deny: ['denied.test'] }, 'denied.test', 'GET', 'operator-denied'],
    ['the ports', {}, 'other.test', 'CONNECT', 'domain-not-allowed', 25],
    ['the addresses', { allowAddresses: [] }, 'other.test', 'GET', 'address-not-public'],
    ['private addresses', {}, 'private.test', 'GET', 'address-not-public'],
    [
      "the node's AllowedDomains",
      { learnWithin: ['other.test'] },
      'sub.other.test',
      'GET',
      'domain-not-allowed',
    ],
    ["a node's empty AllowedDomains", { learnWithin: [] }, 'other.test', 'GET', 'domain-not-allowed'],
  ])('%s hold', async (_what, options, host, method, reason, port) => {
    expect(await ask({ learn: true, ...options }, host, method, port)).toMatchObject({ denial: reason });
  });

  test('stays within the AllowedDomains of the node', async () => {
    const options = { learn: true, learnWithin: ['.other.test'] };
    expect(await ask(options, 'sub.other.test')).toMatchObject({ status: 200, learned: true });
  });
});
