/**
 * How much longer a piece of work takes at twice the size: about 2 where it is linear, 4 where it is quadratic. Each size
 * is measured at its best of several rounds, in turns, so that other work on the machine is felt by both or by none.
 */
export async function timeRatio(size: number, work: (size: number) => unknown, rounds = 7): Promise<number> {
  const best = { small: Number.POSITIVE_INFINITY, large: Number.POSITIVE_INFINITY };
  const measure = async (n: number) => {
    const start = performance.now();
    await work(n);
    return performance.now() - start;
  };
  for (let round = 0; round < rounds; round++) {
    best.small = Math.min(best.small, await measure(size));
    best.large = Math.min(best.large, await measure(2 * size));
  }
  return best.large / Math.max(best.small, 0.05);
}
