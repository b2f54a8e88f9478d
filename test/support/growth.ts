/**
 * How much longer `work` takes for an input four times as large: about 4 where it is linear, 16 where it is quadratic.
 * The best of several runs each, so that what else the machine does counts little. @returns the ratio.
 */
export function growth(work: (size: number) => void, size: number, runs = 3): number {
  const best = (of: number) =>
    Math.min(
      ...Array.from({ length: runs }, () => {
        const begin = process.cpuUsage();
        work(of);
        const { user, system } = process.cpuUsage(begin);
        return user + system;
      }),
    );
  work(size); // the first one compiles
  return best(4 * size) / Math.max(best(size), 5_000);
}
