import { describe, expect, it } from 'vitest';
import { parseCidr, parseCidrPort } from '../../../proxy/policy/cidr-port.js';

describe('--allow-address CIDR[:PORT]', () => {
  it.each([
    ['10.0.0.0/8', '10.0.0.0/8', undefined],
    ['10.0.0.1', '10.0.0.1/32', undefined],
    ['10.0.0.1:8080', '10.0.0.1/32:8080', 8080],
    ['10.0.0.0/8:443', '10.0.0.0/8:443', 443],
    ['0.0.0.0/0', '0.0.0.0/0', undefined],
    ['FD00::/8', 'fd00::/8', undefined],
    ['fd00::1', 'fd00::1/128', undefined],
    ['[fd00::1]', 'fd00::1/128', undefined],
    ['[fd00::1]:443', '[fd00::1/128]:443', 443],
    ['[fd00::/8]:443', '[fd00::/8]:443', 443],
    ['::/0', '::/0', undefined],
    ['64:ff9b::/96', '64:ff9b::/96', undefined],
  ])('%s is %s', (text, canonical, port) => {
    const parsed = parseCidrPort(text);
    expect(parsed.ok && parsed.value.port).toBe(port);
    expect(parseCidrPort(canonical)).toEqual(parsed);
  });

  it.each([
    ['', 'not an IP address'],
    ['example.com', 'not an IP address'],
    ['10.0.0/8', 'not an IP address'],
    ['010.0.0.0/8', 'not an IP address'],
    ['10.0.0.0/33', '0 to 32'],
    ['10.0.0.0/', '0 to 32'],
    ['10.0.0.0/08', '0 to 32'],
    ['10.0.0.0/-1', '0 to 32'],
    ['10.0.0.0/255.0.0.0', '0 to 32'],
    ['fd00::/129', '0 to 128'],
    ['10.0.0.1/8', 'write 10.0.0.0/8 for all of it or 10.0.0.1 for one'],
    ['10.255.0.0/12', 'write 10.240.0.0/12'],
    ['fd00::1/64', 'write fd00::/64 for all of it or fd00::1 for one'],
    ['2001:db8:8000::/33', 'ok'],
    ['2001:db8:c000::/33', 'write 2001:db8:8000::/33'],
    ['10.0.0.1:0', '1 to 65535'],
    ['10.0.0.1:65536', '1 to 65535'],
    ['10.0.0.1:', 'port is empty'],
    ['10.0.0.1:http', '1 to 65535'],
    ['[10.0.0.1]:80', 'brackets'],
    ['[fd00::]/8:443', 'not an IP address'],
    ['[fd00::1]443', 'not an IP address'],
    ['fe80::1%eth0', 'not an IP address'],
    ['::ffff:10.0.0.0/104', 'write 10.0.0.0/8'],
    ['::ffff:10.0.0.1', 'write 10.0.0.1/32'],
    ['::ffff:10.0.0.0/95', 'write ::fffe:0:0/95 for all of it'],
    ['*', 'not an IP address'],
    [' 10.0.0.1', 'not an IP address'],
  ])('%j: %s', (text, advice) => {
    const parsed = parseCidrPort(text);
    expect(parsed.ok ? 'ok' : parsed.problem).toContain(advice);
  });

  it('a CIDR alone has no port', () => {
    expect(parseCidr('10.0.0.0/8').ok).toBe(true);
    expect(parseCidr('10.0.0.0/8:443').ok).toBe(false);
  });
});
