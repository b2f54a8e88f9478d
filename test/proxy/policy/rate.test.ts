import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatRate, parseRate } from '../../../proxy/policy/rate.js';

test.each([
  ['10mbit', 10_000_000],
  ['10Mbit', 10_000_000],
  ['10Mbit/s', 10_000_000],
  ['10 mbit', 10_000_000],
  [' 500kbit ', 500_000],
  ['1gbit', 1_000_000_000],
  ['1.5mbit', 1_500_000],
  ['9600bit', 9_600],
  ['8000', 8_000],
  ['10000000', 10_000_000],
  ['100kibit', 102_400],
  ['1000gbit', 1_000_000_000_000],
  ['1.25MB/s', 10_000_000],
  ['125kB/s', 1_000_000],
  ['1MiB/s', 8_388_608],
  ['2000B/s', 16_000],
  ['unlimited', null],
  ['Unlimited', null],
])('%j is %s bit/s', (text, value) => {
  expect(parseRate(text)).toEqual({ ok: true, value });
});

test.each([
  ['unlimited speed', 'rate "unlimited speed"'],
  ['0', 'unlimited'],
  ['0mbit', 'unlimited'],
  ['0.0001bit', 'unlimited'],
  ['-1', 'negative'],
  ['-10mbit', 'negative'],
  ['7999', '8kbit or more'],
  ['1kbit', '8kbit or more'],
  ['1250kbps', 'write kbit, or kB/s for bytes'],
  ['10mbps', 'write mbit, or mB/s for bytes'],
  ['10Mbps', 'write mbit, or MB/s for bytes'],
  ['10M', 'write mbit, or MB/s for bytes'],
  ['10mb/s', 'bytes to others'],
  ['10MB', 'write mbit, or MB/s for bytes'],
  ['10bps', 'write bit, or B/s for bytes'],
  ['9999gbit', 'no node is that fast'],
  ['1000000000001', 'no node is that fast'],
  ['10parsec', 'is not known'],
  ['10QMB/s', 'is not known'],
  ['', '10mbit'],
  ['mbit', '10mbit'],
  ['NaN', '10mbit'],
  ['Infinity', '10mbit'],
  ['1e6', '10mbit'],
  ['0x10', '10mbit'],
  ['1,5mbit', '10mbit'],
  ['10mbit 5mbit', '10mbit'],
  ['１０mbit', '10mbit'],
  ['10mbit\n', null],
  ['1mbit\n2mbit', '10mbit'],
])('%j is refused, with what to write', (text, hint) => {
  const parsed = parseRate(text);
  if (hint === null) {
    expect(parsed.ok).toBe(true);
    return;
  }
  expect(parsed.ok).toBe(false);
  if (parsed.ok) return;
  expect(parsed.problem).toContain(hint);
  expect(parsed.problem).not.toContain('\n');
});

test('only what begins with a minus is negative', () => {
  expect(parseRate('1-5mbit')).toEqual({ ok: false, problem: expect.not.stringContaining('negative') });
});

test('a long text is cut in the message', () => {
  const parsed = parseRate('x'.repeat(10_000));
  expect(parsed.ok).toBe(false);
  if (!parsed.ok) expect(parsed.problem.length).toBeLessThan(250);
});

test('what formatRate writes, parseRate reads', () => {
  expect(formatRate(10_000_000)).toBe('10mbit');
  expect(formatRate(1_500_000)).toBe('1500kbit');
  expect(formatRate(9_601)).toBe('9601bit');
  expect(formatRate(2_000_000_000)).toBe('2gbit');
  expect(formatRate(null)).toBe('unlimited');
  fc.assert(
    fc.property(fc.integer({ min: 8_000, max: 1_000_000_000_000 }), (rate) => {
      expect(parseRate(formatRate(rate))).toEqual({ ok: true, value: rate });
    }),
  );
});
