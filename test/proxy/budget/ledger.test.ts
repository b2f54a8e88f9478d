import { expect, test } from 'vitest';
import { Ledger, type Spent } from '../../../proxy/budget/ledger.js';
import { VirtualClock } from '../../support/virtual-clock.js';

const soon = () => new Promise((resolve) => setImmediate(resolve));

test('grants what is left and no more, of the job and of each host, and nothing is counted that has no bound', async () => {
  const ledger = new Ledger();
  ledger.budget = { down: 100, hostUp: 30 };
  expect(await ledger.grant('down', 70)).toBe(70);
  expect(await ledger.grant('down', 70)).toBe(30);
  expect(await ledger.grant('down', 1)).toBe(0);
  expect(await ledger.grant('up', 1_000)).toBe(1_000);
  expect(await ledger.grant('up', 40, 'a.test')).toBe(30);
  expect(await ledger.grant('up', 40, 'b.test')).toBe(30);
  ledger.budget = { down: 150 };
  expect(await ledger.grant('down', 70)).toBe(50);
  expect(ledger.spent).toMatchObject({ up: 0, down: 150 });
});

test('what is granted is written down before, many at once in one write', async () => {
  const written: Spent[] = [];
  let release = () => {};
  const ledger = new Ledger({
    spent: { up: 0, down: 5, hosts: [{ host: 'a.test', up: 1, down: 0 }] },
    keep: (spent) => {
      written.push(spent);
      return new Promise((resolve) => {
        release = resolve;
      });
    },
  });
  ledger.budget = { up: 100, down: 100, hostUp: 100 };
  const granted: string[] = [];
  void ledger.grant('down', 10).then(() => granted.push('first'));
  await soon();
  expect(written).toMatchObject([{ down: 15 }]);
  void ledger.grant('up', 10).then(() => granted.push('second'));
  void ledger.grant('up', 10, 'a.test').then(() => granted.push('third'));
  await soon();
  expect([granted, written.length]).toEqual([[], 1]);
  release();
  await soon();
  expect(granted).toEqual(['first']);
  expect(written[1]).toEqual({ up: 10, down: 15, hosts: [{ host: 'a.test', up: 11, down: 0 }] });
  release();
  await soon();
  expect([granted, written.length]).toEqual([['first', 'second', 'third'], 2]);
});

test('what cannot be written down is not granted: it is told once, and tried again until it can', async () => {
  const clock = new VirtualClock();
  const failures: string[] = [];
  let broken = true;
  const ledger = new Ledger({
    clock,
    keep: async () => {
      if (broken) throw new Error('the disk is full');
    },
    onKeepFailed: ({ message }) => failures.push(message),
  });
  ledger.budget = { down: 100 };
  let granted = 0;
  void ledger.grant('down', 10).then((bytes) => {
    granted = bytes;
  });
  for (let second = 0; second < 3; second++) {
    await soon();
    clock.advance(1_000);
  }
  expect([granted, failures]).toEqual([0, ['the disk is full']]);
  broken = false;
  await soon();
  clock.advance(1_000);
  await soon();
  expect(granted).toBe(10);
});

test('a million hosts are 501 lines, and those beyond share what one may have', async () => {
  const ledger = new Ledger();
  ledger.budget = { hostUp: 10 };
  for (let i = 0; i < 2_000; i++) await ledger.grant('up', 1, `h${i}.test`);
  expect(ledger.spent.hosts).toHaveLength(501);
  expect(await ledger.grant('up', 1, 'h1999.test')).toBe(0);
  expect(await ledger.grant('up', 1, 'h0.test')).toBe(1);
});
