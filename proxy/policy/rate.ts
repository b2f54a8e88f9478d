import type { Parsed } from './authority.js';
import { PolicyError } from './policy-error.js';

/** Bit/s. Below this a TLS handshake takes longer than clients wait. */
const MIN_RATE = 8_000;
/** Bit/s. More than a process can carry by far: a slip of the keyboard. */
const MAX_RATE = 1_000_000_000_000;

/** Bytes. Smaller ones would cut everything into less than segments. */
const MIN_BURST = 4_096;
const MAX_BURST = 1_073_741_824;

/** @throws PolicyError for bit/s that no limiter keeps */
export function assertRate(rate: number): void {
  if (Number.isFinite(rate) && rate >= MIN_RATE) return;
  throw new PolicyError(`rate ${rate} bit/s: use ${MIN_RATE} or more, or null for no limit`);
}

/** @throws PolicyError for what is not a number of bytes between 4 KiB and 1 GiB */
export function assertBurst(burst: number): void {
  if (Number.isInteger(burst) && burst >= MIN_BURST && burst <= MAX_BURST) return;
  throw new PolicyError(`burst ${burst}: use a whole number of bytes from ${MIN_BURST} to ${MAX_BURST}`);
}

const PREFIX: Readonly<Record<string, number>> = {
  '': 1,
  k: 1e3,
  m: 1e6,
  g: 1e9,
  ki: 2 ** 10,
  mi: 2 ** 20,
  gi: 2 ** 30,
};

const HOW = 'write it as 10mbit, 500kbit, 1gbit, a number of bit/s, 1.25MB/s, or unlimited';

/**
 * Reads a rate: `10mbit`, `500kbit`, `1gbit`, `9600bit` (each also with `/s`, in any letter case), a plain number of
 * bit/s, `1.25MB/s` in bytes (a capital B and `/s`, so that it cannot mean bits), `kibit`… and `KiB/s`… for powers
 * of 1024, `unlimited`. Units that mean bits to some and bytes to others (`kbps`, `10M`) are refused.
 *
 * @returns bit/s, a whole number; null for unlimited
 */
export function parseRate(text: string): Parsed<number | null> {
  const trimmed = text.trim();
  if (/^unlimited$/i.test(trimmed)) return { ok: true, value: null };
  const problem = (what: string) => ({ ok: false as const, problem: `rate ${show(text)}: ${what}` });
  const match = /^(\d{1,15}(?:\.\d{1,9})?) ?([A-Za-z/]*)$/.exec(trimmed);
  if (!match) return problem(/^-/.test(trimmed) ? `it is negative: ${HOW}` : HOW);
  const [, digits = '', unit = ''] = match;
  const scale = scaleOf(unit);
  if (typeof scale === 'string') return problem(scale);
  const rate = Math.round(Number(digits) * scale);
  if (rate === 0) return problem('0 would let nothing through: write unlimited to turn the limit off');
  if (rate < MIN_RATE)
    return problem(`${rate} bit/s is too slow for HTTP: write ${formatRate(MIN_RATE)} or more`);
  if (rate > MAX_RATE) return problem('no node is that fast: write unlimited to turn the limit off');
  return { ok: true, value: rate };
}

/** Bit/s for a factor, or what is wrong with the unit. */
function scaleOf(unit: string): number | string {
  if (unit === '') return 1;
  const bits = /^([kmg]i?)?bits?(\/s)?$/i.exec(unit);
  if (bits) return PREFIX[(bits[1] ?? '').toLowerCase()] as number;
  const bytes = /^([kKMG]i?)?B\/s$/.exec(unit);
  if (bytes) return 8 * (PREFIX[(bytes[1] ?? '').toLowerCase()] as number);
  const prefix = /^[kmg]i?/i.exec(unit)?.[0] ?? '';
  const small = prefix.toLowerCase();
  if (/^([kmg]i?)?(bps|b|b\/s|byte|bytes|bytes?\/s)?$/i.test(unit)) {
    return `the unit ${unit} means bits to some and bytes to others: write ${small}bit, or ${prefix}B/s for bytes`;
  }
  return `the unit ${show(unit)} is not known: ${HOW}`;
}

/** The shortest text that `parseRate` reads as this rate: `10mbit`, `1500kbit`, `unlimited`. */
export function formatRate(rate: number | null): string {
  if (rate === null) return 'unlimited';
  if (rate % 1e9 === 0) return `${rate / 1e9}gbit`;
  if (rate % 1e6 === 0) return `${rate / 1e6}mbit`;
  if (rate % 1e3 === 0) return `${rate / 1e3}kbit`;
  return `${rate}bit`;
}

function show(text: string): string {
  return JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text);
}
