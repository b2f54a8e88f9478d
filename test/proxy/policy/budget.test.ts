import { expect, test } from 'vitest';
import {
  assertBudget,
  formatBudget,
  isLargerBudget,
  parseBudget,
  smallerBudget,
} from '../../../proxy/policy/budget.js';
import { PolicyError } from '../../../proxy/policy/policy-error.js';

test.each([
  ['down=10GB', { down: 10e9 }],
  ['up=1GiB, down=500MB', { up: 2 ** 30, down: 500e6 }],
  ['HOST-UP=100,host-down=200,then=refuse', { hostUp: 100, hostDown: 200 }],
  ['up=1,then=slow:1mbit', { up: 1, slow: 1_000_000 }],
  ['unlimited', null],
  [' Unlimited ', null],
])('%s is a budget', (text, value) => {
  expect(parseBudget(text)).toEqual({ ok: true, value });
  expect(parseBudget(formatBudget(value))).toEqual({ ok: true, value });
});

test.each([
  ['', /is none of up, down, host-up, host-down/],
  ['10GB', /is none of up, down, host-up, host-down/],
  ['down=0', /down must be a size above zero/],
  ['down=-1', /down must be a size/],
  ['down=9007199254740993', /down must be a size/],
  ['down=1,down=2', /down is there twice/],
  ['down=1,then=stop', /then is refuse, or slow:RATE/],
  ['down=1,then=slow:unlimited', /slow needs a rate/],
  ['down=1,then=slow:1', /too slow for HTTP/],
  ['then=refuse', /it bounds nothing/],
  ['constructor=1', /is none of/],
  [`down=1${' '.repeat(400)}`, /more than 300 characters/],
])('%j is none', (text, problem) => {
  expect(parseBudget(text)).toMatchObject({ ok: false, problem: expect.stringMatching(problem) });
});

test('what is wrong with a long one is said with its beginning', () => {
  const parsed = parseBudget('x'.repeat(200));
  expect(!parsed.ok && parsed.problem).toContain(`"${'x'.repeat(40)}…": `);
});

test.each([
  [null, null, false],
  [null, { up: 1 }, false],
  [{ up: 1 }, null, true],
  [{ up: 1 }, undefined, true],
  [{ up: 2 }, { up: 1 }, false],
  [{ up: 1 }, { up: 2 }, true],
  [{ up: 1 }, { up: 1 }, false],
  [{ up: 1 }, { down: 1 }, true],
  [{ up: 1 }, { up: 1, slow: 9_000 }, true],
  [{ up: 1, slow: 9_000 }, { up: 1 }, false],
])('beside %j, %j lets more pass: %j', (than, one, larger) => {
  expect(isLargerBudget(than, one)).toBe(larger);
});

test('of two budgets the smaller of each limit holds, and to refuse rather than to go on', () => {
  expect(smallerBudget({ up: 1, down: 5, slow: 9_000 }, { down: 3, hostUp: 2, slow: 8_000 })).toEqual({
    ...{ up: 1, down: 3, hostUp: 2, slow: 8_000 },
  });
  expect(smallerBudget({ up: 1, slow: 9_000 }, { up: 2 })).toEqual({ up: 1 });
  expect(smallerBudget({ up: 1 }, { up: 2, slow: 9_000 })).toEqual({ up: 1 });
  expect(smallerBudget(null, { up: 2 })).toEqual({ up: 2 });
  expect(smallerBudget(undefined, null)).toBe(null);
});

test('what no text could say is refused where a policy is read', () => {
  expect(() => assertBudget({ up: -1 })).toThrow(PolicyError);
  expect(() => assertBudget({})).toThrow(PolicyError);
  expect(() => assertBudget({ up: 1 })).not.toThrow();
});
