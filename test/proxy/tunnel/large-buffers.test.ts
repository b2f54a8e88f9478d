import { describe, expect, test } from 'vitest';
import { LargeBuffers } from '../../../proxy/tunnel/large-buffers.js';

describe('the large buffers of a job', () => {
  test('are so many at most, each for one at a time', () => {
    const large = new LargeBuffers({ limit: 2 });
    const [first, second] = [large.take() as Buffer, large.take() as Buffer];
    expect(first).toBeInstanceOf(Buffer);
    expect(first).not.toBe(second);
    expect(large.take()).toBeUndefined();
    large.give(first);
    expect(large.take()).toBe(first);
    expect(large.take()).toBeUndefined();
    large.lose();
    expect(large.take()).toBeInstanceOf(Buffer);
    expect(large.take()).toBeUndefined();
  });

  test('are none where it has a rate', () => {
    const large = new LargeBuffers({ lent: false });
    expect(large.take()).toBeUndefined();
    large.lent = true;
    expect(large.take()).toBeInstanceOf(Buffer);
  });
});
