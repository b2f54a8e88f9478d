import { domainToASCII } from 'node:url';

/** The grammar of hosts and authorities a second time, as regular expressions, to check the byte-wise parser against. */
const LABEL = '(?!-)[A-Za-z0-9_-]{1,63}(?<!-)';
const NAME = new RegExp(`^(?:${LABEL}\\.)*(?!(?:[0-9]+|0[xX][0-9A-Fa-f]*)\\.?$)${LABEL}\\.?$`);
const OCTET = '(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])';
const IPV4 = new RegExp(`^(?:${OCTET}\\.){3}${OCTET}$`);
const PORT = /^(?:[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])$/;

export function isNameByGrammar(text: string): boolean {
  return text.replace(/\.$/, '').length <= 253 && NAME.test(text);
}

export function isIpv4ByGrammar(text: string): boolean {
  return IPV4.test(text);
}

/** By the URL standard's parser, which is not what the code under test uses. */
export function isIpv6ByGrammar(text: string): boolean {
  return /^[0-9A-Fa-f:.]{2,45}$/.test(text) && domainToASCII(`[${text}]`) !== '';
}

export function isConnectTargetByGrammar(text: string): boolean {
  const split = /^(?:\[([^\]]*)\]|([^:]*)):([^:]*)$/.exec(text);
  if (split === null) return false;
  const [, ipv6, other, port = ''] = split;
  if (!PORT.test(port)) return false;
  return ipv6 === undefined
    ? isNameByGrammar(other ?? '') || isIpv4ByGrammar(other ?? '')
    : isIpv6ByGrammar(ipv6);
}

/** Pieces of which both good and hostile targets are made. */
const PIECES = [
  'example',
  'com',
  'a',
  'B',
  'xn--bcher-kva',
  '_dmarc',
  '-',
  '--',
  '_',
  '.',
  '.',
  '.',
  '..',
  ':',
  ':',
  ':',
  '::',
  '[',
  ']',
  '0',
  '1',
  '127',
  '255',
  '256',
  '01',
  '0x7f',
  '0X',
  '0xg',
  '2130706433',
  '017700000001',
  'fe80',
  'ffff',
  '80',
  '443',
  ':443',
  ':443',
  ':443',
  ':80',
  ':0',
  ':0443',
  ':+443',
  ':65535',
  ':65536',
  ':4294967739',
  '%',
  '%2e',
  '%00',
  '%25eth0',
  '@',
  'user@',
  '/',
  '\\',
  '?',
  '#',
  ' ',
  '\t',
  '\r',
  '\n',
  '\r\n',
  '\0',
  '\x7f',
  '\u00ad',
  '\u200b',
  '\u3002',
  '\uff0e',
  '\uff41',
  '\u212a',
  '\u017f',
  '\u0131',
  '\u00e9',
  'A'.repeat(63),
  'b'.repeat(64),
  'c.'.repeat(126),
  'd.'.repeat(30),
  '127.0.0.1',
  '10.1.2.3',
  '[::1]',
  '[::ffff:1.2.3.4]',
  '[2001:db8::1]',
  'http://',
  '*',
  '!',
  '~',
];

/** Good hosts of each kind, so that much of what is generated is one or nearly one. */
const SEEDS = [
  'example.com',
  'a.b.example.com',
  'x_y.example.com',
  '192.0.2.7',
  '[2001:db8::7]',
  'localhost',
  '',
];

/** A small deterministic generator (mulberry32); one seed, one sequence. */
export function random(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

/** One target: a seed or nothing, up to three pieces put in anywhere, mostly a port at the end. */
export function randomTarget(below: (limit: number) => number): string {
  let target = SEEDS[below(SEEDS.length)] ?? '';
  for (let edits = below(4); edits > 0; edits--) {
    const piece = PIECES[below(PIECES.length)] ?? '';
    const at = below(3) === 0 ? below(target.length + 1) : below(2) * target.length;
    target = target.slice(0, at) + piece + target.slice(at);
  }
  return below(3) === 0 ? target : `${target}:443`;
}

/** Other spellings of the same host: each letter in either case, one trailing dot or none. */
export function respell(host: string, below: (limit: number) => number): string {
  let text = '';
  for (const letter of host) text += below(2) === 0 ? letter.toUpperCase() : letter;
  return below(2) === 0 ? `${text}.` : text;
}
