import { expect, it, vi } from 'vitest';
import { interfaceNames, rangesInUse, recentRangesInUse, routes } from '../../../docker/host/host-net.js';

it('ranges in use are those of a moment ago for as long as reading them took fifty times, three seconds at most', () => {
  const now = vi.spyOn(performance, 'now');
  /** Reads them from `began` to `end`. */
  const read = (began: number, end: number) => {
    now.mockReturnValueOnce(began).mockReturnValueOnce(end);
    return rangesInUse();
  };
  const at = (time: number) => {
    now.mockReturnValue(time);
    return recentRangesInUse();
  };
  const quick = read(1_000, 1_002);
  expect(at(1_101)).toBe(quick);
  expect(at(1_102)).not.toBe(quick);
  const slow = read(5_000, 6_000);
  expect(at(8_999)).toBe(slow);
  expect(at(9_000)).not.toBe(slow);
});

it('interfaces are read from the kernel’s table, those without traffic included', () => {
  const table = 'Inter-|   Receive\n face |bytes\n    lo: 1 2\njg-0123456789ab:0 0\n';
  expect(interfaceNames(table)).toEqual(['lo', 'jg-0123456789ab']);
  expect(interfaceNames('')).toEqual([]);
});

it('routes are read from the kernel’s table, in its byte order', () => {
  const table = [
    'Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT',
    'eth0\t00000000\t0100000A\t0003\t0\t0\t0\t00000000\t0\t0\t0',
    'jg-a\t0010640A\t00000000\t0001\t0\t0\t0\tF0FFFFFF\t0\t0\t0',
    'cut\toff',
    '',
  ].join('\n');
  expect(routes(table)).toEqual([
    { iface: 'eth0', cidr: '0.0.0.0/0' },
    { iface: 'jg-a', cidr: '10.100.16.0/28' },
  ]);
});
