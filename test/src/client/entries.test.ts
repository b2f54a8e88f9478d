import { describe, expect, it } from 'vitest';
import { findEntry, type GatewayView, type JobView, joined } from '../../../src/client/entries.js';

const gateway = (id: string, jobId: string, more: Partial<GatewayView> = {}) =>
  ({ id, jobId, state: 'open', created: '2026-01-01T00:00:00.000Z', ofJob: false, ...more }) as GatewayView;
const job = (id: string, more: Partial<JobView> = {}) =>
  ({ id, state: 'running', created: '2026-01-01T00:00:00.000Z', ...more }) as JobView;

describe('what a person means by an id', () => {
  const entries = joined(
    [
      gateway('aa11', 'train', { executionId: 'e-1' }),
      gateway('aa22', 'train', { executionId: 'e-2' }),
      gateway('bb33', 'fetch'),
      gateway('cc44', 'fetch-2'),
      gateway('dd55', 'old', { state: 'closed' }),
      gateway('ee66', 'older', { state: 'closed' }),
      gateway('ff77', 'old-but-open'),
      gateway('gg88', 'own', { ofJob: true }),
    ],
    [job('own'), job('no-network')],
  );

  it.each([
    ['the execution', 'e-1', 'aa11'],
    ['the job with the execution', 'train/e-2', 'aa22'],
    ['the gateway', 'aa22', 'aa22'],
    ['the job', 'fetch', 'bb33'],
    ['what only one begins with', 'bb', 'bb33'],
    ['a whole id that others begin with', 'fetch-2', 'cc44'],
    ['what has ended, where nothing that runs has that id', 'older', 'ee66'],
    ['what runs, where something that has ended begins so as well', 'old-', 'ff77'],
    ['a job that serve runs, with its gateway', 'own', 'gg88'],
    ['one without a gateway', 'no-n', undefined],
  ])('%s', (_what, id, expected) => {
    expect(findEntry(entries, id).gateway?.id).toBe(expected);
  });

  it('is an error where several are meant, which it lists', () => {
    expect(() => findEntry(entries, 'train')).toThrow(
      'train: which of them? train (execution e-1, gateway aa11), train (execution e-2, gateway aa22)',
    );
    expect(() => findEntry(entries, 'aa')).toThrow('aa: which of them?');
    const many = joined(
      Array.from({ length: 200 }, (_, i) => gateway(`m${i}`, 'many')),
      [],
    );
    expect(() => findEntry(many, 'many')).toThrow(/and 190 more$/);
  });

  it('is an error where none is meant', () => {
    expect(() => findEntry(entries, 'nope')).toThrow('nope: there is no job, execution or gateway');
    expect(() => findEntry([], '')).toThrow('see jobgate ps --all');
  });

  it('the gateway of a job that ran before under the same id is not that of the job', () => {
    const old = gateway('aa11', 'own', { ofJob: true, state: 'closed', created: '2025-12-31T00:00:00.000Z' });
    const [first, second] = joined([old], [job('own')]);
    expect(first).toMatchObject({ job: 'own', gateway: { id: 'aa11' } });
    expect(second?.gateway).toBeUndefined();
  });
});
