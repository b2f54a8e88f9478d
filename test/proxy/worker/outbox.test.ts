import { PassThrough, Writable } from 'node:stream';
import { expect, it } from 'vitest';
import type { Report } from '../../../proxy/worker/link.js';
import { Outbox } from '../../../proxy/worker/outbox.js';

const log = (message: string): Report => ({ id: 1, is: 'log', level: 'info', fields: {}, message });

/** Takes nothing until it is told to. */
class Stalled extends Writable {
  readonly lines: Report[] = [];
  #waiting: (() => void)[] = [];
  #open = false;
  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.lines.push(
      ...chunk
        .toString()
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line)),
    );
    if (this.#open) done();
    else this.#waiting.push(done);
  }
  open(): void {
    this.#open = true;
    for (const done of this.#waiting.splice(0)) done();
  }
}

it('drops what a parent that does not read would let grow, and tells how much once it reads', async () => {
  const parent = new Stalled();
  const outbox = new Outbox(parent, 20_000);
  const sent = Array.from({ length: 1_000 }, (_, i) => outbox.send(log(`line ${i}`)));
  expect(parent.writableLength).toBeLessThan(20_200);
  const kept = sent.filter(Boolean).length;
  expect(kept).toBeGreaterThan(10);
  parent.open();
  await expect.poll(() => parent.writableLength).toBe(0);
  expect(parent.lines.filter(({ is }) => is === 'log')).toHaveLength(kept);
  expect(parent.lines.filter(({ is }) => is === 'dropped')).toEqual([{ is: 'dropped', count: 1_000 - kept }]);
  expect(outbox.send(log('later'))).toBe(true);
});

it('sends what it insists on whatever waits, after the count of what was dropped', async () => {
  const parent = new Stalled();
  const outbox = new Outbox(parent, 0);
  outbox.send(log('a'));
  outbox.send(log('dropped'));
  const written = outbox.insist({ id: 1, is: 'closed' });
  parent.open();
  await written;
  expect(parent.lines).toEqual([log('a'), { is: 'dropped', count: 1 }, { id: 1, is: 'closed' }]);
});

it('survives a parent that is gone', async () => {
  const parent = new PassThrough();
  const outbox = new Outbox(parent);
  parent.destroy(new Error('EPIPE'));
  outbox.send(log('a'));
  await outbox.insist({ id: 1, is: 'closed' });
});
