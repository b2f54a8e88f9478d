/**
 * How many times the processor time of the small work the large one takes, at best of a few tries: what a busy machine
 * makes slower it makes slower for both.
 */
export async function cpuRatio(small: () => unknown, large: () => unknown, tries = 3): Promise<number> {
  const least = async (work: () => unknown) => {
    const times: number[] = [];
    for (let i = 0; i < tries; i++) {
      const before = process.cpuUsage();
      await work();
      const { user, system } = process.cpuUsage(before);
      times.push(user + system);
    }
    return Math.min(...times);
  };
  await small(); // compiled by now
  const of = await least(small);
  return (await least(large)) / Math.max(of, 1);
}
