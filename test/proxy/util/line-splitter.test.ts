import { once } from 'node:events';
import { expect, it } from 'vitest';
import { lineSplitter } from '../../../proxy/util/line-splitter.js';

async function split(chunks: (string | Buffer)[], max?: number): Promise<string[]> {
  const lines: string[] = [];
  const end = lineSplitter((line) => lines.push(line), max);
  for (const chunk of chunks) end.write(chunk);
  end.end();
  await once(end, 'finish');
  return lines;
}

it('cuts a stream into lines, wherever its chunks end', async () => {
  expect(await split(['one\ntwo\n'])).toEqual(['one', 'two']);
  expect(await split(['o', 'n', 'e\nt', 'wo\n\nthree'])).toEqual(['one', 'two', '']);
  const bytes = Buffer.from('ä€\n');
  expect(await split([bytes.subarray(0, 1), bytes.subarray(1, 3), bytes.subarray(3)])).toEqual(['ä€']);
});

it('takes a line of the greatest length, and no longer one, ended or not', async () => {
  expect(await split(['x'.repeat(10), '\n'], 10)).toEqual(['x'.repeat(10)]);
  await expect(split(['x'.repeat(11), '\n'], 10)).rejects.toThrow('a line of more than 10 bytes');
  await expect(split(['x'.repeat(5), 'x'.repeat(6)], 10)).rejects.toThrow('a line of more than 10 bytes');
  await expect(split([`${'x'.repeat(11)}\n`], 10)).rejects.toThrow('a line of more than 10 bytes');
});
