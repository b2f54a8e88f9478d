import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { readSimpleHead } from '../../proxy/http/simple-head.js';
import { random } from '../proxy/policy/target-grammar.js';
import { HEADER_BYTES, requestByNode } from '../support/node-parsers.js';
import { Coverage, type Taken } from './coverage.js';
import { guided, shortened, tried } from './guided.js';
import { mutatedText } from './mutate-text.js';
import { readerTarget, type Target } from './target.js';
import { same } from './targets/parsers.js';

/** Faults are in this file: so is the code whose coverage guides. */
const coverage = new Coverage((url) => url.includes('planted.test'));
afterAll(() => coverage[Symbol.dispose]());
const ROUNDS = 400;

/** A crash that wants one byte after another: each alone reaches nothing but the next question. */
const crash: Target = {
  name: 'crash',
  seeds: ['GET / HTTP/1.1'],
  run: (input) => {
    if (input[0] !== '\0') return;
    if (input[1] !== '\x7f') return;
    if (input[2] !== '\uFEFF') return;
    if (input.length < 40) return;
    (undefined as unknown as string).length;
  },
};

describe('a planted fault is found', () => {
  test('a crash, which chance alone does not reach', async () => {
    const { findings, inputs } = await guided([crash], { seed: 1, rounds: ROUNDS, coverage });
    expect(findings).toMatchObject([
      { oracle: 'crash', target: 'crash', what: expect.stringContaining('TypeError') },
    ]);

    // The same number of inputs, made in the same way, and nothing learnt from them.
    const below = random(1);
    for (let i = 0; i < inputs; i++) {
      expect(await tried(crash, mutatedText(crash.seeds, below))).toBeUndefined();
    }
  });

  test('a crash is told by an input that has nothing in it but what it takes', async () => {
    const found = { target: 'x', oracle: 'crash', input: `abc${'\0'}d\x7f`, what: '' } as const;
    const target: Target = {
      name: 'x',
      seeds: [],
      run: (input) => {
        if (input.includes('\0') && input.includes('\x7f')) throw new TypeError('both');
      },
    };
    expect(await shortened(target, found)).toMatchObject({ oracle: 'crash', input: '\0\x7f' });
  });

  test('a refusal is none', async () => {
    const refusing = readerTarget({
      name: 'refusing',
      seeds: ['a'],
      read: () => {
        throw new Error('not one of ours');
      },
    });
    expect((await guided([refusing], { seed: 1, rounds: 3, coverage })).findings).toEqual([]);
  });

  test('a promise that is rejected', async () => {
    const target = readerTarget({ name: 'x', seeds: [], read: () => Promise.reject(new RangeError('deep')) });
    expect(await tried(target, '')).toMatchObject({ oracle: 'crash', what: expect.stringContaining('deep') });
  });

  test('a verdict that differs: a head that is read as if its last line were not there', async () => {
    const lenient: Target = {
      name: 'verdict',
      seeds: ['GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\nX-A: b\r\n\r\n'],
      run: async (input) => {
        const bytes = Buffer.from(input, 'latin1');
        const here = readSimpleHead(bytes, false, HEADER_BYTES);
        if (here === undefined) return;
        const lines = here.lines.includes('X-A') ? here.lines : here.lines.slice(0, -2);
        same('a request', { ...here, lines }, await requestByNode(bytes));
      },
    };
    const { findings } = await guided([lenient], { seed: 1, rounds: ROUNDS, coverage });
    expect(findings).toMatchObject([{ oracle: 'verdict', target: 'verdict' }]);
  });

  test('time that grows with the square of the length', { timeout: 600_000 }, async () => {
    const quadratic = readerTarget({
      name: 'time',
      seeds: ['Name: example.com \r\n'],
      read: (input) => /[ \t]+$/.exec(input),
    });
    const { findings } = await guided([quadratic], { seed: 1, rounds: ROUNDS, coverage });
    expect(findings).toMatchObject([{ oracle: 'time', what: expect.stringContaining('repetitions take') }]);
  });

  test('a call that never ends is named, and ends the run', { timeout: 600_000 }, async () => {
    const script = `
      import { Watchdog } from ${JSON.stringify(new URL('watchdog.ts', import.meta.url).href)};
      const watchdog = new Watchdog(1);
      watchdog.begin('endless', 'aab');
      for (;;);`;
    const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
      cwd: fileURLToPath(new URL('../..', import.meta.url)),
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const ended = new Promise((resolve) => child.once('exit', (_, signal) => resolve(signal)));
    expect(await text(child.stderr)).toContain('"target":"endless","input":"aab"');
    expect(await ended).toBe('SIGKILL');
  });
});

test('the same seed gives the same inputs, another seed others, and a longer run begins as a shorter one', async () => {
  const heard = async (seed: number, rounds: number) => {
    const inputs: string[] = [];
    // Code that is told by hand: in a process with much behind it V8 does not tell the same twice.
    const parts = new Set<string>();
    const listening: Target = {
      ...crash,
      run: (input) => {
        inputs.push(input);
        parts.add(input.startsWith('\0') ? 'zero' : input.length > 20 ? 'long' : 'short');
      },
    };
    const told = {
      take: (): Taken => {
        const taken = new Map([...parts].map((part) => [part, []] as const));
        parts.clear();
        return taken;
      },
    };
    await guided([listening], { seed, rounds, coverage: told });
    return inputs;
  };
  const once = await heard(7, 12);
  expect(await heard(7, 12)).toEqual(once);
  expect((await heard(7, 20)).slice(0, once.length)).toEqual(once);
  expect(await heard(8, 12)).not.toEqual(once);
});
