import { integer, type Judge, judged, never, object, text } from './fields.js';
import { refuse } from './refusal.js';

type Amount = number | bigint;

/** Zero leaves a limit as it is, or is none. */
const lower =
  (now: unknown): Judge =>
  (value, at) => {
    const asked = integer(value, at) as Amount | undefined;
    if (asked === undefined || Number(asked) === 0) return undefined;
    const limit = Number(now ?? 0);
    if (Number(asked) > 0 && (limit <= 0 || Number(asked) <= limit)) return asked;
    throw refuse(`${at}: a limit may only become lower, and it is ${limit}`);
  };

const same =
  (now: unknown): Judge =>
  (value, at) => {
    const asked = text(value, at);
    if (!asked || asked === now) return undefined;
    if (!now) return asked;
    throw refuse(`${at}: it is ${String(now)} already, and stays`);
  };

const LIMITS = [
  'Memory',
  'MemoryReservation',
  'MemorySwap',
  'KernelMemory',
  'KernelMemoryTCP',
  'NanoCpus',
  'CpuShares',
  'CpuQuota',
  'BlkioWeight',
  'PidsLimit',
];

/** The body of an update that gives a container no more than it has. @throws GateRefusal */
export function assertLower(
  body: Readonly<Record<string, unknown>>,
  host: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const period: Judge = (value, at) => {
    const asked = Number(integer(value, at) ?? 0);
    // A shorter one makes more of the same quota.
    if (asked === 0 || asked === Number(host.CpuPeriod ?? 0)) return undefined;
    throw refuse(`${at}: set NanoCpus instead`);
  };
  return judged(
    {
      ...Object.fromEntries(LIMITS.map((name) => [name, lower(host[name])])),
      CpuPeriod: period,
      CpusetCpus: same(host.CpusetCpus),
      CpusetMems: same(host.CpusetMems),
      CpuRealtimePeriod: never("real time is the node's"),
      CpuRealtimeRuntime: never("real time is the node's"),
      MemorySwappiness: (value, at) =>
        Number(value ?? 0) < 0 ? undefined : lower(host.MemorySwappiness)(value, at),
      RestartPolicy: object({ Name: text, MaximumRetryCount: integer }),
    },
    body,
  );
}
