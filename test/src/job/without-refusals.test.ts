import { expect, it } from 'vitest';
import type { Logger } from '../../../proxy/policy/logger.js';
import { withoutRefusals } from '../../../src/job/without-refusals.js';
import { startProxy } from '../../support/proxy.js';
import { RawClient } from '../../support/raw-client.js';

it('has all but refusals', async () => {
  const [all, some]: [string[], string[]] = [[], []];
  const into = (lines: string[]): Logger => ({
    debug: (_fields, message) => lines.push(message),
    info: (_fields, message) => lines.push(message),
    warn: (_fields, message) => lines.push(message),
    error: (_fields, message) => lines.push(message),
  });
  for (const [lines, logger] of [
    [all, into(all)],
    [some, withoutRefusals(into(some))],
  ] as const) {
    await using proxy = await startProxy({ allow: [], logger });
    await using client = await RawClient.connect(proxy.port);
    client.send('CONNECT other.test:443 HTTP/1.1\r\n\r\n');
    await client.untilEnd();
    for (const level of ['debug', 'info', 'warn', 'error'] as const) logger[level]({ event: 'other' }, level);
    expect(lines.slice(-4)).toEqual(['debug', 'info', 'warn', 'error']);
  }
  expect(all).toContain('denied: domain-not-allowed');
  expect(some.filter((line) => line.startsWith('denied'))).toEqual([]);
});
