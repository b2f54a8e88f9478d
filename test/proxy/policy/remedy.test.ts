import { expect, test } from 'vitest';
import { remedyFor } from '../../../proxy/policy/remedy.js';

test.each([
  ['domain-not-allowed', 'a.test', 443, undefined, { entry: 'a.test', operator: [] }],
  ['domain-not-allowed', 'a.test', 8443, undefined, { entry: 'a.test:8443', operator: [] }],
  ['domain-not-allowed', 'a.test', 22, undefined, { entry: 'a.test:22', operator: ['--allow-port 22'] }],
  [
    'domain-not-allowed',
    '10.0.0.1',
    443,
    undefined,
    { entry: '10.0.0.1', operator: ['--allow-address 10.0.0.1:443'] },
  ],
  ['domain-not-allowed', '2001:4860::1', 443, undefined, { entry: '[2001:4860::1]', operator: [] }],
  ['tls-to-plain-port', 'a.test', 443, undefined, { entry: 'a.test:443', operator: [] }],
  ['address-of-node', 'a.test', 443, '::1', { operator: ['--allow-address [::1]:443'] }],
  ['address-not-public', '10.0.0.1', 80, undefined, { operator: ['--allow-address 10.0.0.1:80'] }],
  // Whose address is not told, is not to be found out.
  ['address-not-public', 'a.test', 80, undefined, undefined],
  ['dns-failed', 'a.test', 80, undefined, undefined],
  ['domain-not-allowed', 'no host', 80, undefined, undefined],
] as const)('%s of %s:%s (%s)', (reason, host, port, address, remedy) => {
  expect(remedyFor({ reason, host, port, address })).toEqual(remedy);
});
