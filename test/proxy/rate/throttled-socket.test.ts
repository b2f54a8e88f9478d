import { createHash } from 'node:crypto';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { JobLimiter } from '../../../proxy/rate/job-limiter.js';
import { ThrottledSocket } from '../../../proxy/rate/throttled-socket.js';
import { VirtualClock } from '../../support/virtual-clock.js';
import { listen, pattern, run, settle } from './sockets.js';

/** 1 MB/s with a burst of 40 KB, on a clock that stands still. */
function still(rate = 8_000_000): { clock: VirtualClock; limiter: JobLimiter } {
  const clock = new VirtualClock();
  return { clock, limiter: new JobLimiter({ rate, burst: 40_000, clock }) };
}

function counter(stream: Readable): { bytes: number; ended: boolean } {
  const state = { bytes: 0, ended: false };
  stream.on('data', (chunk: Buffer) => {
    state.bytes += chunk.length;
  });
  stream.on('end', () => {
    state.ended = true;
  });
  return state;
}

async function digest(stream: Readable): Promise<string> {
  const hash = createHash('sha256');
  stream.on('data', (chunk: Buffer) => hash.update(chunk));
  await once(stream, 'end');
  return hash.digest('hex');
}

const sha = (data: Buffer): string => createHash('sha256').update(data).digest('hex');

describe('bytes', () => {
  test.each([
    ['throttled at 800 Mbit/s', 800_000_000],
    ['unlimited', null],
  ])('arrive whole and in order, both ways at once, on many connections: %s', async (_name, rate) => {
    await using front = await listen(new JobLimiter({ rate }));
    const size = 4_000_037;
    await Promise.all(
      Array.from({ length: 6 }, async (_, i) => {
        const { client, throttled } = await front.connect();
        const up = pattern(size, 2 * i + 1);
        const down = pattern(size, 2 * i + 2);
        client.end(up);
        // Pieces of all sizes, as relays and HTTP write them.
        void (async () => {
          for (let at = 0, step = 1; at < size; at += step, step = (step * 7) % 150_001) {
            if (!throttled.write(down.subarray(at, at + step))) await once(throttled, 'drain');
          }
          throttled.end();
        })();
        const [atProxy, atClient] = await Promise.all([digest(throttled), digest(client)]);
        expect(atProxy).toBe(sha(up));
        expect(atClient).toBe(sha(down));
      }),
    );
  });

  test('leave no faster than the rate, in either direction, and stay in order in slices', async () => {
    const { clock, limiter } = still();
    await using front = await listen(limiter);
    const { client, throttled } = await front.connect();
    const data = pattern(540_000, 7);
    client.write(data);
    throttled.write(data);
    const up: Buffer[] = [];
    const down: Buffer[] = [];
    let sizes = [0, 0];
    throttled.on('data', (chunk: Buffer) => up.push(chunk));
    client.on('data', (chunk: Buffer) => down.push(chunk));
    const start = clock.now();
    const elapsed = await run(clock, () => {
      sizes = [up, down].map((chunks) => chunks.reduce((sum, { length }) => sum + length, 0));
      for (const size of sizes) expect(size).toBeLessThanOrEqual(40_000 + 1_000 * (clock.now() - start));
      return sizes.every((size) => size === data.length);
    });
    // 500,000 bytes beyond the burst, at 1,000 a ms.
    expect(elapsed).toBeGreaterThanOrEqual(500);
    expect(elapsed).toBeLessThan(530);
    expect(Buffer.concat(up).equals(data)).toBe(true);
    expect(Buffer.concat(down).equals(data)).toBe(true);
    expect(limiter.bytes).toEqual({ up: 540_000, down: 540_000 });
    expect(limiter.throttledMs.up).toBeGreaterThan(450);
    expect(limiter.throttledMs.down).toBeGreaterThan(450);
    expect(clock.pending).toBe(0);
  });

  test('are limited together over all connections of a job, and apart from other jobs', async () => {
    const [one, other] = [still(), still()];
    await using front = await listen(one.limiter);
    await using otherFront = await listen(other.limiter);
    const counts = [];
    for (let i = 0; i < 4; i++) {
      const { client, throttled } = await front.connect();
      counts.push(counter(client));
      throttled.write(Buffer.alloc(1_000_000));
    }
    const { client, throttled } = await otherFront.connect();
    const alone = counter(client);
    throttled.write(Buffer.alloc(1_000_000));
    const start = one.clock.now();
    await run(one.clock, () => one.clock.now() - start >= 1_000);
    await run(other.clock, () => other.clock.now() - start >= 500);
    const sum = counts.reduce((total, { bytes }) => total + bytes, 0);
    expect(sum).toBeGreaterThan(1_000_000);
    expect(sum).toBeLessThanOrEqual(1_050_000);
    expect(alone.bytes).toBeGreaterThan(500_000);
  });

  test('without a limit the socket itself is in the path', async () => {
    await using front = await listen(new JobLimiter({ rate: null }));
    const { accepted, throttled } = await front.connect();
    expect(throttled).toBe(accepted);
    await using limited = await listen(new JobLimiter({ rate: 10_000_000 }));
    expect((await limited.connect()).throttled).toBeInstanceOf(ThrottledSocket);
  });
});

describe('backpressure', () => {
  test('a client that does not read holds its socket buffers, no tokens, and the writer', async () => {
    const { clock, limiter } = still(80_000_000);
    await using front = await listen(limiter);
    const [stalled, reading] = [await front.connect(), await front.connect()];
    stalled.client.pause();
    let written = 0;
    const write = (): void => {
      while (stalled.throttled.write(Buffer.alloc(65_536))) written += 65_536;
      written += 65_536;
    };
    stalled.throttled.on('drain', write);
    write();
    await run(clock, () => stalled.accepted.writableLength > 0);
    const sent = written;
    const held = stalled.throttled.writableLength;
    expect(held).toBeLessThanOrEqual(65_536 + 16_384);
    const count = counter(reading.client);
    reading.throttled.write(Buffer.alloc(5_000_000));
    const elapsed = await run(clock, () => count.bytes === 5_000_000);
    expect(elapsed).toBeLessThan(550);
    expect(written).toBe(sent);
    // It goes on when the client does.
    stalled.client.resume();
    await run(clock, () => written > sent + 1_000_000);
  });

  test('of a large write to a client that does not read, one slice more than the kernel takes is paid', async () => {
    const { clock, limiter } = still(80_000_000);
    await using front = await listen(limiter);
    const { accepted, client, throttled } = await front.connect();
    client.pause();
    throttled.write(Buffer.alloc(40_000_000));
    await run(clock, () => accepted.writableLength > 0);
    const paid = limiter.bytes.down;
    for (let i = 0; i < 100; i++) {
      await settle(1);
      clock.advance(5);
    }
    expect(limiter.bytes.down).toBe(paid);
    // The bucket's 390,000 bytes at most.
    expect(accepted.writableLength).toBeLessThanOrEqual(limiter.burst);
    expect(clock.pending).toBe(0);
    client.resume();
    await run(clock, () => limiter.bytes.down > paid + 1_000_000);
  });

  test('an upload that nobody takes stays in the kernel but for one read', async () => {
    const { clock, limiter } = still(80_000_000);
    await using front = await listen(limiter);
    const { client, accepted, throttled } = await front.connect();
    client.write(Buffer.alloc(20_000_000));
    throttled.once('data', () => throttled.pause());
    for (let i = 0; i < 200; i++) {
      clock.advance(5);
      await settle(1);
    }
    expect(accepted.bytesRead).toBeLessThan(400_000);
    expect(accepted.readableLength).toBeLessThanOrEqual(16_384 + 65_536);
    expect(throttled.readableLength).toBeLessThanOrEqual(16_384 + 65_536);
    expect(limiter.bytes.up).toBeLessThan(400_000);
    const rest = counter(throttled);
    throttled.resume();
    await run(clock, () => rest.bytes > 10_000_000);
  });
});

describe('the end', () => {
  test('FIN goes out behind the last byte', async () => {
    const { clock, limiter } = still();
    await using front = await listen(limiter);
    const { client, throttled } = await front.connect();
    const state = counter(client);
    throttled.end(Buffer.alloc(200_000));
    await run(clock, () => state.bytes > 100_000);
    expect(state.ended).toBe(false);
    await run(clock, () => state.ended);
    expect(state.bytes).toBe(200_000);
  });

  test('each half ends on its own', async () => {
    const { clock, limiter } = still();
    await using front = await listen(limiter);
    const { client, throttled } = await front.connect();
    const up = counter(throttled);
    const down = counter(client);
    client.end(Buffer.alloc(100_000));
    await run(clock, () => up.ended);
    expect(up.bytes).toBe(100_000);
    expect(throttled.writable).toBe(true);
    throttled.end(Buffer.alloc(100_000));
    await run(clock, () => down.ended && throttled.closed && client.closed);
    expect(down.bytes).toBe(100_000);
  });

  test('the proxy may end first and go on reading', async () => {
    const { clock, limiter } = still();
    await using front = await listen(limiter);
    const { client, throttled } = await front.connect();
    const up = counter(throttled);
    const down = counter(client);
    throttled.end();
    await run(clock, () => down.ended);
    client.end(Buffer.alloc(100_000));
    await run(clock, () => up.ended && throttled.closed);
    expect(up.bytes).toBe(100_000);
  });

  test('an end without a byte passes, in both directions', async () => {
    const { clock, limiter } = still();
    await using front = await listen(limiter);
    const { client, throttled } = await front.connect();
    const [up, down] = [counter(throttled), counter(client)];
    client.end();
    throttled.end();
    await run(clock, () => up.ended && down.ended && throttled.closed);
    expect(clock.pending).toBe(0);
  });

  test('destroying drops what waits, closes the socket, and lets the others have the tokens', async () => {
    const { clock, limiter } = still();
    await using front = await listen(limiter);
    const [gone, other] = [await front.connect(), await front.connect()];
    const state = counter(gone.client);
    gone.client.on('error', () => {});
    let failed: Error | null | undefined;
    gone.throttled.write(Buffer.alloc(10_000_000), (error) => {
      failed = error;
    });
    gone.client.write(Buffer.alloc(10_000_000));
    const sent = counter(gone.throttled);
    await run(clock, () => state.bytes > 100_000 && sent.bytes > 100_000);
    gone.throttled.destroy();
    expect((gone.throttled as ThrottledSocket).waiting).toBe(false);
    await run(clock, () => gone.client.closed || state.ended);
    expect(gone.accepted.destroyed).toBe(true);
    expect(gone.throttled.closed).toBe(true);
    expect(failed).toBeInstanceOf(Error);
    const count = counter(other.client);
    other.throttled.write(Buffer.alloc(540_000));
    expect(await run(clock, () => count.bytes === 540_000)).toBeLessThan(550);
    expect(clock.pending).toBe(0);
  });

  test('a reset by the client is an error and a close of the stream, and never ends the process', async () => {
    const { clock, limiter } = still();
    await using front = await listen(limiter);
    const { client, throttled } = await front.connect();
    throttled.write(Buffer.alloc(1_000_000));
    throttled.resume();
    await run(clock, () => limiter.bytes.down > 100_000);
    // Nobody listens to errors here: an unhandled one would fail this test.
    client.resetAndDestroy();
    await run(clock, () => throttled.closed);
    expect(throttled.errored).toMatchObject({ code: 'ECONNRESET' });
    expect(clock.pending).toBe(0);
    const other = await front.connect();
    const errors: unknown[] = [];
    other.throttled.on('error', (error) => errors.push(error));
    other.throttled.resume();
    other.client.resetAndDestroy();
    await run(clock, () => other.throttled.closed);
    expect(errors).toMatchObject([{ code: 'ECONNRESET' }]);
  });

  test('a socket that is closed already gives a stream that is closed', async () => {
    const { clock, limiter } = still();
    await using front = await listen(new JobLimiter({ rate: null }));
    const { accepted } = await front.connect();
    accepted.destroy();
    await once(accepted, 'close');
    const throttled = limiter.throttle(accepted);
    await run(clock, () => throttled.closed);
  });

  test('closing the limiter ends what waits', async () => {
    const { clock, limiter } = still();
    await using front = await listen(limiter);
    const { client, throttled } = await front.connect();
    client.on('error', () => {});
    client.resume();
    throttled.write(Buffer.alloc(1_000_000));
    await settle();
    limiter.close();
    await run(clock, () => throttled.closed);
  });

  test('destroySoon sends everything first', async () => {
    const { clock, limiter } = still();
    await using front = await listen(limiter);
    const { client, throttled } = await front.connect();
    const state = counter(client);
    throttled.write(Buffer.alloc(200_000));
    (throttled as ThrottledSocket).destroySoon();
    await run(clock, () => state.ended && throttled.closed);
    expect(state.bytes).toBe(200_000);
  });
});

test('in real time, the rate is kept in both directions at once', async () => {
  const rate = 8_000_000;
  await using front = await listen(new JobLimiter({ rate, burst: 16_384 }));
  const { client, throttled } = await front.connect();
  const arrivals: { up: [number, number][]; down: [number, number][] } = { up: [], down: [] };
  throttled.on('data', (chunk: Buffer) => arrivals.up.push([performance.now(), chunk.length]));
  client.on('data', (chunk: Buffer) => arrivals.down.push([performance.now(), chunk.length]));
  const start = performance.now();
  client.write(Buffer.alloc(4_000_000));
  throttled.write(Buffer.alloc(4_000_000));
  const sums = () =>
    [arrivals.up, arrivals.down].map((seen) => seen.reduce((sum, [, bytes]) => sum + bytes, 0));
  await expect.poll(() => Math.min(...sums())).toBeGreaterThan(750_000);
  const burst = new JobLimiter({ rate, burst: 16_384 }).burst;
  for (const seen of [arrivals.up, arrivals.down]) {
    let sum = 0;
    for (const [at, bytes] of seen) {
      sum += bytes;
      expect(sum).toBeLessThanOrEqual(burst + 1_000 * (at - start));
    }
  }
});
