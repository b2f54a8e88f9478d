import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeE2e } from '../support/e2e.js';
import { type Stage, startStage } from '../support/stage.js';

const RATE = 1_250_000; // byte/s: 10 Mbit/s
const BURST = 49_152;
const SIZE = 12_500_000;

/** Never faster than the limit. That it is not slower either is tested where time is virtual: scheduler.test.ts. */
function expectRate(seconds: number): void {
  expect(seconds).toBeGreaterThan((SIZE - BURST) / RATE - 0.05);
}

const timed = (script: string) =>
  `start=$(date +%s%N); ${script}; echo $(( ($(date +%s%N) - start) / 1000000 ))`;
const ms = (stdout: string) => Number(stdout.trim().split('\n').at(-1)) / 1000;

describeE2e('10 Mbit/s in each direction', () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await startStage({ 'example.com': {} });
  });
  afterAll(() => stage[Symbol.asyncDispose]());

  const each = SIZE / 8;
  const upload = (bytes: number, url: string) =>
    `head -c ${bytes} /dev/zero | curl -sS -o /dev/null -H Expect: --data-binary @- ${url}`;
  const spread = (command: string) => `for i in 1 2 3 4 5 6 7 8; do ${command} & done; wait`;

  // Side by side: each job has its own limit, so four take no longer than one.
  it('a download and an upload of 12.5 MB take 10 s, over one connection or eight', async () => {
    const results = await Promise.all(
      [
        `curl -sS -o /dev/null https://example.com/bytes/${SIZE}`,
        upload(SIZE, 'https://example.com/upload'),
        spread(`curl -sS -o /dev/null http://example.com/bytes/${each}`),
        spread(upload(each, 'http://example.com/upload')),
      ].map((script) => stage.job(['--domain', 'example.com'], timed(script))),
    );
    for (const result of results) {
      expect(result.code).toBe(0);
      expectRate(ms(result.stdout));
    }
  });

  it('--rate sets another limit, and unlimited none', async () => {
    const script = timed('curl -sS -o /dev/null https://example.com/bytes/2500000');
    const half = ms((await stage.job(['--domain', 'example.com', '--rate', '5mbit'], script)).stdout);
    expect(half).toBeGreaterThan((2_500_000 - BURST) / 625_000 - 0.05);
    const none = ms((await stage.job(['--domain', 'example.com', '--rate', 'unlimited'], script)).stdout);
    expect(none).toBeLessThan(half);
  });
});
