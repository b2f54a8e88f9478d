/** Processor time of one call, µs: the least of several measurements, each well above what can be measured. */
function costOf(call: () => unknown): number {
  let calls = 1;
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 7; ) {
    const began = process.cpuUsage();
    for (let i = 0; i < calls; i++) call();
    const { user, system } = process.cpuUsage(began);
    if (user + system < 2_000) calls *= 2;
    else {
      least = Math.min(least, (user + system) / calls);
      round++;
    }
  }
  return least;
}

/**
 * How many times more `read` costs for an input of `large` units than for one of `small`. It is told by processor
 * time, and by comparison: what else the machine does is no matter.
 */
export function growth<T>(
  read: (input: T) => unknown,
  make: (units: number) => T,
  small: number,
  large: number,
  /** What costs less, µs, counts as this much: caches and allocation are more than the work then. */
  least = 1,
): number {
  const [one, other] = [make(small), make(large)];
  return (
    costOf(() => read(other)) /
    Math.max(
      costOf(() => read(one)),
      least,
    )
  );
}
