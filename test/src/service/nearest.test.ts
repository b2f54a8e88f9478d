import { expect, it } from 'vitest';
import { nearest } from '../../../src/service/nearest.js';

it.each([
  ['limt', 'limit'],
  ['stat', 'state'],
  ['jobs', 'job'],
  ['JOB', 'job'],
  ['since', undefined],
  ['', undefined],
  ['x'.repeat(10_000), undefined],
])('%j looks most like %j', (word, known) => {
  expect(nearest(word, ['state', 'job', 'limit'])).toBe(known);
});
