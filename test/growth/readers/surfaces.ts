import { parseConfig } from '../../../src/config/read/file.js';
import { parseDuration } from '../../../src/duration.js';
import { Auth } from '../../../src/service/auth.js';
import { parseListen } from '../../../src/service/listen.js';
import type { Reader } from '../growth.js';

const auth = new Auth({ unix: false, token: 'a-token-of-some-length' });
const caller = (headers: Record<string, string>) => ({
  method: 'POST',
  headers: { host: '127.0.0.1:1', ...headers },
  socket: {},
});

export const SURFACES: readonly Reader[] = [
  { name: 'a duration', read: parseDuration, seeds: ['1h30m', '1.5s', '500ms', '90'] },
  {
    name: 'where to listen',
    read: (text) => parseListen(text, { hasToken: true }),
    seeds: ['127.0.0.1:1', '[::1]:2', 'unix:/a/b'],
  },
  {
    name: 'a configuration',
    read: (text) => parseConfig(text, 'config.yaml'),
    seeds: ['Egress:\n  Rate: 10mbit\n  Deny: [a.test, b.test]\nNode: {Compute: {a: 1}}\n# a\n'],
    longest: 8_192,
    count: 8,
  },
  ...['authorization', 'cookie', 'host', 'origin'].map((header) => ({
    name: `the ${header} header of a call`,
    read: (text: string) => auth.check(caller({ [header]: text }) as never, 'write' as never),
    seeds: [
      'Bearer a-token',
      'Basic eDp5',
      'jobgate_session=00; a=b',
      '127.0.0.1:80',
      'http://[::1]:80/',
      'a.test:80',
    ],
  })),
];
