import { afterAll, describe, expect, test } from 'vitest';
import { superlinear } from '../growth/growth.js';
import { readCorpus } from './corpus.js';
import { tried } from './guided.js';
import { Targets } from './targets/all.js';

const targets = new Targets();
afterAll(() => targets[Symbol.asyncDispose]());

const named = (name: string) => {
  const target = targets.all.find((one) => one.name === name);
  if (target === undefined) throw new Error(`test/fuzz/corpus.jsonl names no target: ${name}`);
  return target;
};

describe('what fuzzing found once stays mended', () => {
  test.each(readCorpus().map((line) => [`${line.target}: ${line.found}`, line] as const))(
    '%s',
    async (_, line) => {
      const target = named(line.target);
      if (line.oracle !== 'time') {
        expect(await tried(target, line.input)).toBeUndefined();
        return;
      }
      expect(target.reader && (await superlinear(target.reader, JSON.parse(line.input)))).toBeUndefined();
    },
  );
});

describe('the inputs that fuzzing begins with', () => {
  test.each(targets.all.map((target) => [target.name, target] as const))('%s', async (_, target) => {
    for (const seed of target.seeds) expect(await tried(target, seed)).toBeUndefined();
  });

  test('no two targets have one name', () => {
    const names = targets.all.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
  });
});
