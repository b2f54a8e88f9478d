import { expect, it } from 'vitest';
import { assertLower } from '../../../src/gate/update.js';

it.each([
  [{ CpuPeriod: 0 }, { CpuPeriod: 1000 }, {}],
  [{ CpuPeriod: 1000 }, { CpuPeriod: 1000 }, {}],
  [{ CpuPeriod: 0 }, {}, {}],
  [{ CpusetCpus: '0' }, { CpusetCpus: '0' }, {}],
  [{ CpusetCpus: '0', CpusetMems: '1' }, { CpusetCpus: '' }, { CpusetCpus: '0', CpusetMems: '1' }],
  [{ Memory: 5 }, { Memory: -1 }, { Memory: 5 }],
  [{ MemorySwap: 5 }, {}, { MemorySwap: 5 }],
  [{ MemorySwappiness: -1 }, { MemorySwappiness: 10 }, {}],
  [{ MemorySwappiness: 5 }, { MemorySwappiness: 10 }, { MemorySwappiness: 5 }],
  [{ MemorySwappiness: null }, {}, {}],
  [{ CpuRealtimePeriod: 0 }, {}, {}],
])('%j of %j is %j', (body, now, update) => {
  expect(assertLower(body, now)).toEqual(update);
});

it.each([
  [{ CpuPeriod: 500 }, { CpuPeriod: 1000 }, 'CpuPeriod: set NanoCpus instead'],
  [{ CpuPeriod: 500 }, {}, 'CpuPeriod: set NanoCpus instead'],
  [{ CpusetCpus: '1' }, { CpusetCpus: '0' }, 'CpusetCpus: it is 0 already, and stays'],
  [{ MemorySwap: -1 }, {}, 'MemorySwap: a limit may only become lower, and it is 0'],
  [{ MemorySwappiness: 11 }, { MemorySwappiness: 10 }, 'MemorySwappiness: a limit may only become lower'],
  [{ CpuRealtimeRuntime: 1 }, {}, "CpuRealtimeRuntime: real time is the node's"],
  [{ Memory: 1.5 }, {}, 'Memory must be a whole number, not 1.5'],
])('%j of %j is refused', (body, now, problem) => {
  expect(() => assertLower(body, now)).toThrow(`jobgate: ${problem}`);
});
