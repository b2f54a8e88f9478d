import { expect, it } from 'vitest';
import { assertRecent, assertServersReachable, wallOf } from '../../../docker/gateway/container-needs.js';
import { DEFAULT_OPERATOR_POLICY } from '../../../proxy/policy/policy.js';

it.each([
  ['1.41', 'inhibit_ipv4'],
  ['1.45', 'inhibit_ipv4'],
  ['1.47', 'inhibit_ipv4'],
  ['1.48', 'isolated'],
  ['1.51', 'isolated'],
  ['2.0', 'isolated'],
])('API %s keeps the host off a bridge by %s', (apiVersion, wall) => {
  expect(wallOf({ product: 'Docker', apiVersion })).toBe(wall);
});

it('names the version and the hole of an engine that is too old', () => {
  const product = 'Docker';
  expect(() => assertRecent({ product, version: '19.03.8', apiVersion: '1.40' })).toThrow(
    /^Docker 19\.03\.8 \(API 1\.40\) is too old for gateways in containers \(CVE-2020-13401: .*\): they need Docker 20\.10 or later$/,
  );
  expect(() => assertRecent({ product, version: '20.10.24+dfsg1', apiVersion: '1.41' })).not.toThrow();
});

it('judges Podman by its own version, and never by an API version that is not its own', () => {
  const [product, apiVersion] = ['Podman', '1.41'] as const;
  expect(wallOf({ product, apiVersion })).toBe('no gateway');
  expect(wallOf({ product, apiVersion: '1.51' })).toBe('no gateway');
  expect(() => assertRecent({ product, version: '4.3.1', apiVersion })).toThrow(
    /^Podman 4\.3\.1 is too old .* Podman 5\.4 or later$/,
  );
  for (const version of ['5.4.2', '5.8.6', '6.0.0'])
    expect(() => assertRecent({ product, version, apiVersion })).not.toThrow();
});

it('refuses servers on a loopback that is not the container’s', () => {
  const check = (change: object) => () => assertServersReachable({ ...DEFAULT_OPERATOR_POLICY, ...change });
  for (const dns of ['127.0.0.53:53', '[::1]:53'])
    expect(check({ dns })).toThrow(/^the DNS server .* --gateway host$/);
  for (const upstream of ['http://127.0.0.1:3128', 'socks5://[::1]:1080', 'http://u:p@localhost:3128']) {
    expect(check({ upstream })).toThrow(/^the upstream proxy at .* --gateway host$/);
    expect(check({ upstream })).not.toThrow(/u:p/);
  }
  for (const dns of ['default', 'system', '192.0.2.1:53', '[2001:db8::1]:53'])
    expect(check({ dns })).not.toThrow();
  expect(check({ upstream: 'http://proxy.example:3128' })).not.toThrow();
});
