import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AddressRule, type AddressRuleOptions } from '../../../proxy/decide/address-rule.js';
import { NodeAddresses } from '../../../proxy/decide/node-addresses.js';
import { exception } from '../../../proxy/policy/parse-policy.js';

const NODE = ['127.0.0.1', '::1', '10.9.8.7', '8.8.4.4', '2a00:1450::7'];

function node(addresses: readonly string[] = NODE, listed: readonly string[] = []): NodeAddresses {
  return new NodeAddresses({ listed, machine: { current: () => new Set(addresses) } });
}

type Options = Partial<Omit<AddressRuleOptions, 'exceptions'> & { readonly exceptions: readonly string[] }>;

function rule({ exceptions = [], ...options }: Options = {}): AddressRule {
  const excepted = exceptions.map(exception);
  return new AddressRule({ exceptions: excepted, node: node(), listeners: () => [], ...options });
}

/** `ok`, or the reason for the refusal. */
function judge(address: string, port = 443, options: Options = {}): string {
  const judgement = rule(options).judge(address, port);
  return judgement.ok ? 'ok' : judgement.reason;
}

describe('public addresses pass, in canonical text', () => {
  it.each([
    ['8.8.8.8', '8.8.8.8', 4],
    ['1.1.1.1', '1.1.1.1', 4],
    ['223.255.255.255', '223.255.255.255', 4],
    ['2A00:1450:0::1', '2a00:1450::1', 6],
    ['2606:4700::1111', '2606:4700::1111', 6],
    ['::ffff:8.8.8.8', '8.8.8.8', 4],
    ['::FFFF:808:808', '8.8.8.8', 4],
  ])('%s', (text, address, family) => {
    expect(rule().judge(text, 443)).toEqual({ ok: true, address: { address, family } });
  });
});

describe('threats: an allowed name that resolves to an address that is not public', () => {
  // Range by range: its first and last address, and the public neighbours on both sides.
  it.each([
    ['0/8', '0.0.0.0', '0.255.255.255', undefined, '1.0.0.0'],
    ['private 10/8', '10.0.0.0', '10.255.255.255', '9.255.255.255', '11.0.0.0'],
    ['CGNAT', '100.64.0.0', '100.127.255.255', '100.63.255.255', '100.128.0.0'],
    ['loopback', '127.0.0.0', '127.255.255.255', '126.255.255.255', '128.0.0.0'],
    ['link-local', '169.254.0.0', '169.254.255.255', '169.253.255.255', '169.255.0.0'],
    ['private 172.16/12', '172.16.0.0', '172.31.255.255', '172.15.255.255', '172.32.0.0'],
    ['protocol assignments', '192.0.0.0', '192.0.0.255', '191.255.255.255', '192.0.1.0'],
    ['documentation 1', '192.0.2.0', '192.0.2.255', '192.0.1.255', '192.0.3.0'],
    ['6to4 relays', '192.88.99.0', '192.88.99.255', '192.88.98.255', '192.88.100.0'],
    ['private 192.168/16', '192.168.0.0', '192.168.255.255', '192.167.255.255', '192.169.0.0'],
    ['benchmarks', '198.18.0.0', '198.19.255.255', '198.17.255.255', '198.20.0.0'],
    ['documentation 2', '198.51.100.0', '198.51.100.255', '198.51.99.255', '198.51.101.0'],
    ['documentation 3', '203.0.113.0', '203.0.113.255', '203.0.112.255', '203.0.114.0'],
    ['multicast', '224.0.0.0', '239.255.255.255', '223.255.255.255', undefined],
    ['reserved', '240.0.0.0', '255.255.255.255', '223.255.255.255', undefined],
    [
      'a metadata service on a public address',
      '168.63.129.16',
      '168.63.129.16',
      '168.63.129.15',
      '168.63.129.17',
    ],
    ['below 2000::/3', '::', '1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', undefined, '2000::'],
    [
      'IPv6 protocol assignments',
      '2001::',
      '2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff',
      '2000:ffff::',
      '2001:200::',
    ],
    ['IPv6 documentation 1', '2001:db8::', '2001:db8:ffff::ffff', '2001:db7::', '2001:db9::'],
    ['6to4', '2002::', '2002:ffff::ffff', '2001:ffff::', '2003::'],
    ['IPv6 documentation 2', '3fff::', '3fff:fff::ffff', '3ffe:ffff::', '3fff:1000::'],
    ['above 2000::/3', '4000::', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', '3fff:ffff::', undefined],
  ])('%s', (_, first, last, before, behind) => {
    const nobody = { node: node([]) };
    expect(judge(first, 443, nobody)).toBe('address-not-public');
    expect(judge(last, 443, nobody)).toBe('address-not-public');
    for (const neighbour of [before, behind]) {
      if (neighbour !== undefined) expect(judge(neighbour, 443, nobody), neighbour).toBe('ok');
    }
  });

  it.each([
    ['AWS, GCP, Azure metadata', '169.254.169.254'],
    ['AWS metadata, IPv6', 'fd00:ec2::254'],
    ['Alibaba metadata', '100.100.100.200'],
    ['Azure wire server', '168.63.129.16'],
    ['unique local', 'fd12:3456::1'],
    ['link-local IPv6', 'fe80::1'],
    ['multicast IPv6', 'ff02::1'],
    ['site-local', 'fec0::1'],
    ['discard', '100::1'],
    ['segment routing', '5f00::1'],
    ['broadcast', '255.255.255.255'],
  ])('%s', (_, address) => {
    expect(judge(address)).toBe('address-not-public');
  });

  it.each([
    ['a zone id', 'fe80::1%eth0'],
    ['a zone id on a public address', '2606:4700::1111%x'],
    ['a short form', '8.8'],
    ['decimal', '134744072'],
    ['octal', '010.8.8.8'],
    ['leading zeros', '8.8.8.008'],
    ['brackets', '[2606:4700::1111]'],
    ['a name', 'example.com'],
    ['nothing', ''],
    ['white space', ' 8.8.8.8'],
  ])('what is no address is not public: %s', (_, address) => {
    expect(judge(address)).toBe('address-not-public');
  });
});

describe('threats: IPv4 inside IPv6', () => {
  const EMBEDDINGS: [string, string, string][] = [
    ['compatible', '::8.8.8.8', '::127.0.0.1'],
    ['SIIT', '::ffff:0:8.8.8.8', '::ffff:0:127.0.0.1'],
    ['NAT64', '64:ff9b::8.8.8.8', '64:ff9b::127.0.0.1'],
    ['NAT64, local prefix', '64:ff9b:1::8.8.8.8', '64:ff9b:1::127.0.0.1'],
    ['6to4', '2002:808:808::1', '2002:7f00:1::1'],
    ['Teredo, server', '2001:0:808:808::f7f7:f7f7', '2001:0:7f00:1::f7f7:f7f7'],
    ['Teredo, client', '2001:0:808:808::f7f7:f7f7', '2001:0:808:808::80ff:fffe'],
  ];

  it.each(EMBEDDINGS)('refused, whatever is inside: %s', (_, publicInside, loopbackInside) => {
    expect(judge(publicInside)).toBe('address-not-public');
    expect(judge(loopbackInside)).toBe('address-not-public');
  });

  it.each(EMBEDDINGS)(
    'with an exception for the prefix what is inside is still judged: %s',
    (_, publicInside, loopbackInside) => {
      const options = { exceptions: ['::/0'], node: node([]) };
      expect(judge(publicInside, 443, options)).toBe('ok');
      expect(judge(loopbackInside, 443, options)).toBe('address-not-public');
    },
  );

  it('NAT64: the exception of a DNS64 network opens public addresses only', () => {
    const options = { exceptions: ['64:ff9b::/96'], listeners: () => [{ host: '8.8.4.4', port: 13128 }] };
    expect(judge('64:ff9b::8.8.8.8', 443, options)).toBe('ok');
    expect(judge('64:ff9b::169.254.169.254', 443, options)).toBe('address-not-public');
    expect(judge('64:ff9b::168.63.129.16', 443, options)).toBe('address-not-public');
    expect(judge('64:ff9b::10.0.0.1', 443, options)).toBe('address-not-public');
    expect(judge('64:ff9b::8.8.4.4', 443, options)).toBe('address-of-node');
    expect(judge('64:ff9b::8.8.4.4', 13128, options)).toBe('proxy-loop');
    expect(judge('10.0.0.1', 443, options)).toBe('address-not-public');
    const both = { ...options, exceptions: ['64:ff9b::/96', '10.0.0.1'] };
    expect(judge('64:ff9b::10.0.0.1', 443, both)).toBe('ok');
    expect(judge('64:ff9b::10.0.0.2', 443, both)).toBe('address-not-public');
    const denied = { ...options, deniedAddresses: (address: string) => address === '8.8.8.8' };
    expect(judge('64:ff9b::8.8.8.8', 443, denied)).toBe('operator-denied');
  });

  it.each(['127.0.0.1', '10.0.0.1', '169.254.169.254', '0.0.0.0', '168.63.129.16'])(
    'mapped is judged as IPv4: ::ffff:%s',
    (address) => {
      expect(judge(`::ffff:${address}`)).toBe('address-not-public');
    },
  );
});

describe('threats: any address of this host', () => {
  it.each([
    ['public, of an interface', '8.8.4.4'],
    ['public IPv6, of an interface', '2a00:1450::7'],
    ['private, of an interface', '10.9.8.7'],
    ['public, mapped', '::ffff:8.8.4.4'],
  ])('refused like a private one: %s', (_, address) => {
    expect(judge(address)).toBe('address-of-node');
    expect(judge(address, 443, { exceptions: [address.replace('::ffff:', '')] })).toBe('ok');
  });

  it('a listed address that is on no interface', () => {
    expect(judge('9.9.9.9')).toBe('ok');
    expect(judge('9.9.9.9', 443, { node: node(NODE, ['9.9.9.9']) })).toBe('address-of-node');
  });

  it('loopback needs no list', () => {
    expect(judge('127.0.0.1', 443, { node: node([]) })).toBe('address-not-public');
    expect(judge('127.99.0.1')).toBe('address-not-public');
    expect(judge('::1')).toBe('address-not-public');
  });
});

describe("threats: jobgate's own listeners, whatever the exception", () => {
  const everything = ['0.0.0.0/0', '::/0'];
  const at = (host: string, address: string, port = 13128) =>
    judge(address, port, { exceptions: everything, listeners: () => [{ host, port: 13128 }] });

  it.each([
    ['its address', '10.9.8.7', '10.9.8.7'],
    ['its address, mapped', '10.9.8.7', '::ffff:10.9.8.7'],
    ['a mapped listener', '::ffff:10.9.8.7', '10.9.8.7'],
    ['0.0.0.0 is this machine', '127.0.0.1', '0.0.0.0'],
    [':: is this machine', '127.0.0.1', '::'],
    ['::ffff:0.0.0.0 is this machine', '127.0.0.1', '::ffff:0.0.0.0'],
    ['a wildcard, by an interface', '0.0.0.0', '8.8.4.4'],
    ['a wildcard, by loopback', '0.0.0.0', '127.0.0.1'],
    ['a wildcard, by all of loopback', '0.0.0.0', '127.44.0.1'],
    ['an IPv6 wildcard, by IPv4', '::', '10.9.8.7'],
    ['an IPv6 wildcard, by ::1', '::', '::1'],
    ['a mapped wildcard', '::ffff:0.0.0.0', '8.8.4.4'],
    ['IPv6', '2a00:1450::7', '2A00:1450:0::7'],
    ['a host that is no address is taken for a wildcard', 'localhost', '8.8.4.4'],
  ])('%s', (_, host, address) => {
    expect(at(host, address)).toBe('proxy-loop');
    expect(at(host, address, 13129)).toBe('ok');
  });

  it('through an address that leads here from outside', () => {
    const options = {
      exceptions: everything,
      node: node(NODE, ['9.9.9.9']),
      listeners: () => [{ host: '10.9.8.7', port: 13128 }],
    };
    expect(judge('9.9.9.9', 13128, options)).toBe('proxy-loop');
    expect(judge('9.9.9.9', 443, options)).toBe('ok');
  });

  it('but not where others have its port as well, except at its own address', () => {
    const options = {
      exceptions: everything,
      node: node(NODE, ['9.9.9.9']),
      listeners: () => [{ host: '10.9.8.7', port: 80, exact: true }],
    };
    expect(judge('9.9.9.9', 80, options)).toBe('ok');
    expect(judge('10.9.8.7', 80, options)).toBe('proxy-loop');
    expect(judge('0.0.0.0', 80, options)).toBe('proxy-loop');
  });

  it('but the same port elsewhere is another service', () => {
    expect(at('10.9.8.7', '8.8.4.4')).toBe('ok');
    expect(at('0.0.0.0', '8.8.8.8')).toBe('ok');
  });

  it('are asked for at each decision', () => {
    const listeners: { host: string; port: number }[] = [];
    const changing = rule({ exceptions: everything, listeners: () => listeners });
    expect(changing.judge('127.0.0.1', 13128).ok).toBe(true);
    listeners.push({ host: '127.0.0.1', port: 13128 });
    expect(changing.judge('127.0.0.1', 13128)).toEqual({ ok: false, reason: 'proxy-loop' });
  });
});

describe('threats: operator exceptions are for exactly what they say', () => {
  it.each([
    ['10.1.0.0/16', '10.1.2.3', 443, 'ok'],
    ['10.1.0.0/16', '::ffff:10.1.2.3', 443, 'ok'],
    ['10.1.0.0/16', '10.2.0.0', 443, 'address-not-public'],
    ['10.1.0.0/16', '10.0.255.255', 443, 'address-not-public'],
    ['10.1.2.3', '10.1.2.3', 443, 'ok'],
    ['10.1.2.3', '10.1.2.4', 443, 'address-not-public'],
    ['10.1.2.3:8080', '10.1.2.3', 8080, 'ok'],
    ['10.1.2.3:8080', '10.1.2.3', 443, 'address-not-public'],
    ['10.1.0.0/16:8080', '10.1.2.3', 8080, 'ok'],
    ['10.1.0.0/16:8080', '10.1.2.3', 80, 'address-not-public'],
    ['fd00:1::/32', 'fd00:1::5', 443, 'ok'],
    ['fd00:1::/32', 'fd00:2::5', 443, 'address-not-public'],
    ['[fd00:1::/32]:443', 'fd00:1::5', 443, 'ok'],
    ['[fd00:1::/32]:443', 'fd00:1::5', 80, 'address-not-public'],
    ['fd00::1', 'fd00::1', 443, 'ok'],
    ['fd00::1', 'fd00::2', 443, 'address-not-public'],
    ['::1', '::1', 443, 'ok'],
    ['::1', '127.0.0.1', 443, 'address-not-public'],
    ['127.0.0.1', '::1', 443, 'address-not-public'],
    ['0.0.0.0/0', '::1', 443, 'address-not-public'],
    ['::/0', '127.0.0.1', 443, 'address-not-public'],
    ['::/0', '::ffff:127.0.0.1', 443, 'address-not-public'],
    ['8.8.4.4', '8.8.4.4', 443, 'ok'],
    ['8.8.4.4:443', '8.8.4.4', 80, 'address-of-node'],
  ])('--allow-address %s and %s port %i: %s', (exception, address, port, answer) => {
    expect(judge(address, port, { exceptions: [exception] })).toBe(answer);
  });

  it('a deny beats an exception, and is asked about the address that is dialled', () => {
    const deniedAddresses = (address: string, port: number) => address === '10.1.2.3' && port === 443;
    const options = { exceptions: ['10.0.0.0/8'], deniedAddresses };
    expect(judge('10.1.2.3', 443, options)).toBe('operator-denied');
    expect(judge('::ffff:10.1.2.3', 443, options)).toBe('operator-denied');
    expect(judge('10.1.2.3', 80, options)).toBe('ok');
    expect(judge('10.1.2.4', 443, options)).toBe('ok');
    expect(judge('8.8.8.8', 443, { deniedAddresses: () => true })).toBe('operator-denied');
  });

  it('one that is not valid is an error that names it', () => {
    expect(() => rule({ exceptions: ['10.0.0.1/8'] })).toThrow(
      '"10.0.0.1/8": it has bits set beyond its prefix',
    );
  });
});

describe('the rule, by property', () => {
  it('a mapped address is judged as its IPv4 address, and never passes as IPv6', () => {
    fc.assert(
      fc.property(fc.ipV4(), (ipv4) => {
        const plain = rule().judge(ipv4, 443);
        expect(rule().judge(`::ffff:${ipv4}`, 443)).toEqual(plain);
        if (plain.ok) expect(plain.address).toEqual({ address: ipv4, family: 4 });
      }),
    );
  });

  it('what passes is judged equally when it is judged again', () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (text) => {
        const judgement = rule().judge(text, 443);
        if (judgement.ok) expect(rule().judge(judgement.address.address, 443)).toEqual(judgement);
      }),
    );
  });

  it('no IPv6 address outside 2000::/3 passes without an exception', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 0xffff }), { minLength: 8, maxLength: 8 }), (groups) => {
        const text = groups.map((group) => group.toString(16)).join(':');
        const [first = 0, ...rest] = groups;
        const mapped = first === 0 && rest.slice(0, 4).every((group) => group === 0) && rest[4] === 0xffff;
        if (first >> 13 !== 1 && !mapped) expect(judge(text)).not.toBe('ok');
      }),
    );
  });
});
