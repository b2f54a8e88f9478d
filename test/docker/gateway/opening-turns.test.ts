import { once } from 'node:events';
import { createServer } from 'node:net';
import { expect, it } from 'vitest';
import { OpeningTurns } from '../../../docker/gateway/opening-turns.js';

const name = `test-opening-${process.pid}`;

/** Work that goes on until it is told to end. */
function works(turns: OpeningTurns) {
  const begun: number[] = [];
  const ends: (() => void)[] = [];
  const start = (n: number) =>
    turns.run(
      () =>
        new Promise<void>((resolve) => {
          begun.push(n);
          ends.push(resolve);
        }),
    );
  return { begun, ends, start };
}

it('two at once, the others in the order in which they came', async () => {
  const { begun, ends, start } = works(new OpeningTurns({ atOnce: 2, name }));
  const all = [0, 1, 2, 3].map(start);
  await expect.poll(() => begun).toEqual([0, 1]);
  ends[1]?.();
  await expect.poll(() => begun).toEqual([0, 1, 2]);
  ends[0]?.();
  await expect.poll(() => begun).toEqual([0, 1, 2, 3]);
  for (const end of ends) end();
  await Promise.all(all);
});

it('one that fails gives its turn on', async () => {
  const turns = new OpeningTurns({ atOnce: 1, name });
  const failing = turns.run(() => Promise.reject(new Error('no')));
  await expect(failing).rejects.toThrow('no');
  expect(await turns.run(async () => 'yes')).toBe('yes');
});

it('those of other processes count, and whoever never gives them back holds nobody up for good', async () => {
  const [first, second] = [createServer(), createServer()];
  first.listen({ path: `\0jobgate-lock-${name}` });
  second.listen({ path: `\0jobgate-lock-${name}-1` });
  await Promise.all([once(first, 'listening'), once(second, 'listening')]);
  try {
    const waits = works(new OpeningTurns({ atOnce: 2, name }));
    const waiting = waits.start(0);
    // The control: after a while of nobody else's turns it goes on.
    expect(
      await new OpeningTurns({ atOnce: 2, name, patienceMs: 50 }).run(async (ms) => ms),
    ).toBeGreaterThanOrEqual(50);
    expect(waits.begun).toEqual([]);
    second.close();
    await expect.poll(() => waits.begun).toEqual([0]);
    waits.ends[0]?.();
    await waiting;
  } finally {
    first.close();
    second.close();
  }
});

it('who waits too long, or behind too many, is told what for', async () => {
  const { begun, ends, start } = works(new OpeningTurns({ atOnce: 1, maxWaiting: 1, patienceMs: 50, name }));
  const first = start(0);
  await expect.poll(() => begun).toEqual([0]);
  const late = start(1);
  await expect(start(2)).rejects.toThrow('1 gateways wait for their turn');
  await expect(late).rejects.toThrow(
    'waited 0.05 s for its turn to be opened: 1 are being opened and 0 wait',
  );
  ends[0]?.();
  await first;
});
