import { describe, expect, it } from 'vitest';
import { History, MAX_STEPS, STEP_MS } from '../../../../src/service/overview/history.js';

const MB = 1_000_000;
/** At a time all that grows with it: a megabyte a second down, a tenth of it up, a decision a second. */
const counts = (time: number) => ({
  ...{ up: (time / 1000) * (MB / 10), down: (time / 1000) * MB },
  ...{ allowed: Math.floor(time / 1000), denied: 0 },
});
const STILL = counts(0);
const START = Date.UTC(2030, 0, 1);

/** Looks at it as serve does. */
function look(history: History, from: number, to: number, of = counts): void {
  for (let time = from; time < to; time += 250) history.add(time, () => of(time));
}

describe('what was done in the last hour', () => {
  it('is told step by step, once each is over', () => {
    const history = new History(0, STILL);
    look(history, 0, STEP_MS);
    expect(history.view(STEP_MS - 1, START)).toMatchObject({ up: [], down: [], allowed: [], denied: [] });
    look(history, STEP_MS, 35_000);
    expect(history.view(35_000, START)).toEqual({
      step: STEP_MS,
      from: new Date(START - 35_000).toISOString(),
      up: [800_000, 800_000, 800_000],
      down: [8_000_000, 8_000_000, 8_000_000],
      allowed: [10, 10, 10],
      denied: [0, 0, 0],
    });
  });

  it('has steps that begin where those of all others do', () => {
    const history = new History(STEP_MS * 5 + 4_000, counts(STEP_MS * 5 + 4_000));
    look(history, STEP_MS * 5 + 4_000, STEP_MS * 7);
    const { from, allowed } = history.view(STEP_MS * 7, START);
    expect(from).toBe(new Date(START - STEP_MS * 2).toISOString());
    expect(allowed).toEqual([6]);
  });

  it('is of one hour, however long it goes on', () => {
    const history = new History(0, STILL);
    const end = STEP_MS * MAX_STEPS * 3;
    look(history, 0, end + 1);
    const { from, allowed } = history.view(end, START);
    expect(from).toBe(new Date(START - 3_600_000).toISOString());
    expect(allowed).toEqual(Array.from({ length: MAX_STEPS }, () => 10));
  });

  it('has its last step where it ends within one', () => {
    const history = new History(0, STILL);
    look(history, 0, 13_000);
    history.end(13_000, counts(13_000));
    expect(history.view(60_000, START)).toMatchObject({
      from: new Date(START - 60_000).toISOString(),
      allowed: [10, 3],
      down: [8_000_000, 2_400_000],
    });
  });

  it('has idle steps where nobody has looked for a while, were it days', () => {
    const history = new History(0, STILL);
    look(history, 0, STEP_MS);
    history.add(STEP_MS * 4, () => counts(STEP_MS));
    expect(history.view(STEP_MS * 4, START).allowed).toEqual([10, 0, 0, 0]);
    history.add(STEP_MS * 100_000, () => counts(2 * STEP_MS));
    const { allowed } = history.view(STEP_MS * 100_000, START);
    expect(allowed).toEqual(Array.from({ length: MAX_STEPS }, () => 0));
  });
});
