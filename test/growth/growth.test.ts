import { afterAll, describe, expect, test } from 'vitest';
import { type Reader, superlinear } from './growth.js';
import { nearMisses } from './near-misses.js';
import { ADMISSION } from './readers/admission.js';
import { DOCKER } from './readers/docker.js';
import { PROXY } from './readers/proxy.js';
import { SURFACES } from './readers/surfaces.js';
import { closeWire, WIRE } from './readers/wire.js';

/** Other near-misses, and more of them: `JOBGATE_TEST_SEED=7 JOBGATE_TEST_TIMES=10 npx vitest run test/growth`. */
const SEED = Number(process.env.JOBGATE_TEST_SEED ?? 1);
const TIMES = Number(process.env.JOBGATE_TEST_TIMES ?? 1);
const COUNT = 40;

afterAll(closeWire);

async function findings(reader: Reader): Promise<string[]> {
  for (const miss of nearMisses(reader.seeds, TIMES * (reader.count ?? COUNT), SEED)) {
    const finding = await superlinear(reader, miss);
    // One shows it.
    if (finding !== undefined) return [finding];
  }
  return [];
}

describe('the time of a reader grows with the length of what it reads', () => {
  const readers = [...PROXY, ...ADMISSION, ...DOCKER, ...SURFACES, ...WIRE];

  test.each(readers.map((reader) => [reader.name, reader] as const))(
    '%s',
    { timeout: 600_000 },
    async (_, reader) => {
      expect(await findings(reader)).toEqual([]);
    },
  );
});

describe('what grows faster is found', () => {
  const PLANTED: [string, Reader][] = [
    [
      'an exponential pattern',
      {
        name: '',
        read: (text) => /^CONNECT [a-z.:0-9]+ HTTP\/1\.1\r\n(?:[A-Za-z-]+: ?[ -~]*\r\n)*\r\n$/.test(text),
        seeds: ['CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\nAccept: b\r\n\r\n'],
      },
    ],
    [
      'a quadratic pattern',
      { name: '', read: (text) => text.replace(/[ \t]+$/, ''), seeds: [' example.com '] },
    ],
    [
      'a list that is searched for each of its items',
      {
        name: '',
        read: (text) => {
          const seen: string[] = [];
          for (const [at, word] of text.split(',').entries())
            if (!seen.includes(word + at)) seen.push(word + at);
        },
        seeds: ['a,b,c'],
      },
    ],
  ];

  test.each(PLANTED)('%s', { timeout: 600_000 }, async (_, reader) => {
    expect(await findings(reader)).toEqual([expect.stringContaining('repetitions take')]);
  });
});
