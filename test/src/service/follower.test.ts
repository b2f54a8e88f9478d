import type { ServerResponse } from 'node:http';
import { Writable } from 'node:stream';
import { expect, it } from 'vitest';
import { Follower } from '../../../src/service/follower.js';

function follow(write: (done: () => void) => void) {
  const response = new Writable({ write: (_data, _encoding, done) => write(done) });
  let dropped = false;
  const follower = new Follower(response as ServerResponse, () => {
    dropped = true;
  });
  return { follower, isDropped: () => dropped };
}

it('drops a reader that does not read, by what waits for it: pieces as well as bytes', () => {
  for (const size of [1, 1 << 20]) {
    const { follower, isDropped } = follow(() => {});
    let pieces = 0;
    for (; pieces < 100_000 && !isDropped(); pieces++) follower.write('x'.repeat(size));
    expect(pieces).toBeLessThan(10_000);
  }
});

it('keeps one that reads, however much it is', async () => {
  const { follower, isDropped } = follow((done) => done());
  for (let i = 0; i < 100_000; i++) {
    follower.write('x');
    if (i % 1000 === 0) await new Promise(setImmediate);
  }
  expect(isDropped()).toBe(false);
});
