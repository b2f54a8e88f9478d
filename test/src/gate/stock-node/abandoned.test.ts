import { expect, it } from 'vitest';
import { AbandonedContainers } from '../../../../src/gate/stock-node/abandoned.js';
import { Attendance } from '../../../../src/gate/stock-node/attendance.js';

const ofNode = { node: 'n', job: 'j', execution: 'e' };

/** A node's container on its gateway's network, and one that is no node's. */
function containers({ limit, status = 204 }: { limit?: number; status?: number } = {}) {
  let now = 0;
  const attendance = new Attendance(() => now);
  const all = new Map<string, object>([
    ['own', { network: 'none' }],
    ['job', { network: 'net', ofNode }],
  ]);
  const served = { shared: false, abandonedSince: undefined as Date | undefined };
  const told: string[] = [];
  const gate = {
    own: { containers: all, has: (id: string) => all.has(id), gatewayOf: () => served },
    config: { gate: { abandonedAfterMs: limit } },
    asks: {
      ask: async (method: string, path: string) => {
        told.push(`${method} ${path}`);
        return { status };
      },
    },
    service: {
      hub: { publish: ({ state, reason }: Record<string, string>) => told.push(`${state}: ${reason}`) },
    },
    logger: { warn: (_: object, message: string) => message.startsWith('an ') && told.push(message) },
    removed: (id: string) => void told.push(`gone ${id}`),
    close: async (_: object, reason: string) => void told.push(`close: ${reason}`),
  };
  const abandoned = new AbandonedContainers(gate as never, attendance);
  const pass = async (ms: number) => {
    now += ms;
    await abandoned.look();
    return told.splice(0);
  };
  return { abandoned, attendance, all, served, pass };
}

const ABANDONED = 'abandoned: its node follows it no more, and may have started its job again';
const REMOVED = [
  'DELETE /containers/job?force=1&v=1',
  'removed: nobody has followed it for Gate.AbandonedAfter',
  'gone job',
  'close: its container was abandoned',
];

it("a node's container that nobody follows is told once, and stays where nobody wants it removed", async () => {
  const { pass, abandoned, served, all } = containers();
  expect(await pass(0)).toEqual([]);
  expect(await pass(59_999)).toEqual([]);
  expect(abandoned.list()).toEqual([]);
  const before = Date.now() - 60_000;
  expect(await pass(1)).toEqual([ABANDONED]);
  const [found] = abandoned.list();
  expect(found).toEqual({ ...ofNode, container: 'job', since: expect.any(Date) });
  expect(found?.since.getTime()).toBeGreaterThanOrEqual(before);
  expect(found?.since.getTime()).toBeLessThanOrEqual(Date.now() - 60_000);
  expect(served.abandonedSince).toBe(found?.since);
  expect(await pass(1e9)).toEqual([]);
  all.delete('job');
  await pass(1);
  expect(abandoned.list()).toEqual([]);
});

it('one that is followed again is abandoned no more', async () => {
  const { pass, attendance, abandoned, served } = containers();
  await pass(0);
  await pass(60_000);
  const end = attendance.begin('job');
  expect(await pass(1e9)).toEqual([]);
  expect([abandoned.list(), served.abandonedSince]).toEqual([[], undefined]);
  end();
  await pass(59_999);
  expect(abandoned.list()).toEqual([]);
  expect(await pass(1)).toEqual([ABANDONED]);
});

it('is told after half of the time, and removed after all of it, with its gateway', async () => {
  const { pass, abandoned } = containers({ limit: 10_000 });
  await pass(0);
  expect(await pass(4_999)).toEqual([]);
  expect(await pass(1)).toEqual([ABANDONED]);
  expect(await pass(4_999)).toEqual([]);
  expect(await pass(1)).toEqual(REMOVED);
  expect(abandoned.list()).toEqual([]);
});

it('is not removed by a minute that is told', async () => {
  const { pass } = containers({ limit: 600_000 });
  await pass(0);
  expect(await pass(60_000)).toEqual([ABANDONED]);
  expect(await pass(539_999)).toEqual([]);
  expect(await pass(1)).toEqual(REMOVED);
});

it.each([
  [404, REMOVED.slice(1)],
  [500, ['an abandoned container cannot be removed']],
])('where the engine says %d to that: %j', async (status, told) => {
  const { pass, abandoned } = containers({ limit: 10_000, status });
  await pass(0);
  await pass(5_000);
  expect((await pass(5_000)).slice(1)).toEqual(told);
  expect(abandoned.list()).toHaveLength(status === 500 ? 1 : 0);
});

it('a network that is shared stays', async () => {
  const { pass, served } = containers({ limit: 10_000 });
  served.shared = true;
  await pass(0);
  expect(await pass(10_000)).toEqual([ABANDONED, ...REMOVED.slice(0, 3)]);
});
