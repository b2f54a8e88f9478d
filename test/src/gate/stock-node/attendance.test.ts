import { expect, it } from 'vitest';
import { Attendance } from '../../../../src/gate/stock-node/attendance.js';

it('counts the time in which nobody attends to a container', () => {
  let now = 1_000;
  const attendance = new Attendance(() => now);
  const pass = (ms: number) => {
    now += ms;
  };
  expect(attendance.alone('a')).toBe(0);
  pass(5_000);
  expect(attendance.alone('a')).toBe(5_000);

  const logs = attendance.begin('a');
  const wait = attendance.begin('a');
  pass(60_000);
  logs();
  expect(attendance.alone('a')).toBe(0);
  wait();
  pass(200);
  expect(attendance.alone('a')).toBe(200);

  attendance.keep(new Map([['b', {}]]));
  expect(attendance.alone('a')).toBe(0);
});
