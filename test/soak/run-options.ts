import { parseArgs } from 'node:util';

/** How long something that is random runs, and with which numbers. */
export interface RunOptions {
  readonly ms: number;
  readonly seed: number;
  /** One scenario by its number, for a closer look. */
  readonly only?: number;
}

const USAGE = 'usage: [--seconds N | --minutes N | --hours N] [--seed N] [--only N]';

/** @throws Error with the usage, for anything but numbers */
export function runOptions(args: readonly string[]): RunOptions {
  const option = { type: 'string' } as const;
  const { values } = parseArgs({
    args: [...args],
    options: { seconds: option, minutes: option, hours: option, seed: option, only: option },
  });
  const number = (name: keyof typeof values, isGood: (value: number) => boolean): number | undefined => {
    const text = values[name];
    if (text === undefined) return undefined;
    if (!/^[0-9.]+$/.test(text) || !isGood(Number(text))) throw new Error(`--${name} ${text}: ${USAGE}`);
    return Number(text);
  };
  const isTime = (value: number) => value > 0;
  const times = [
    number('seconds', isTime),
    (number('minutes', isTime) ?? Number.NaN) * 60,
    (number('hours', isTime) ?? Number.NaN) * 3_600,
  ].filter((seconds) => seconds !== undefined && !Number.isNaN(seconds));
  if (times.length > 1) throw new Error(`one length is enough: ${USAGE}`);
  const only = number('only', Number.isSafeInteger);
  return {
    ms: (times[0] ?? 120) * 1_000,
    seed: number('seed', Number.isSafeInteger) ?? Math.floor(Math.random() * 2 ** 31),
    ...(only !== undefined && { only }),
  };
}
