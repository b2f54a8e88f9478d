/** Processor time of one call, µs. */
export async function cpuOf(call: () => unknown): Promise<number> {
  const began = process.cpuUsage();
  const result = call();
  if (result instanceof Promise) await result;
  const { user, system } = process.cpuUsage(began);
  return user + system;
}

/** The least of several measurements, each well above what can be measured; three of what takes long. */
async function costOf(call: () => unknown): Promise<number> {
  const times: number[] = [];
  let calls = 1;
  let spent = 0;
  const often = async () => {
    for (let i = 0; i < calls; i++) {
      const result = call();
      if (result instanceof Promise) await result;
    }
  };
  while (times.length < 3 || (times.length < 7 && spent < 1_000_000)) {
    const took = await cpuOf(often);
    if (took < 2_000) calls *= 2;
    else {
      times.push(took / calls);
      spent += took;
    }
  }
  return Math.min(...times);
}

/**
 * How many times the processor time of the small work the large one takes. It is told by comparison: what a busy machine
 * makes slower it makes slower for both.
 *
 * @param work makes what is measured; the making is not.
 * @param least what costs less, µs, counts as this much: caches and allocation are more than the work then.
 */
export async function growth(
  work: (size: number) => () => unknown,
  small: number,
  large: number,
  least = 1,
): Promise<number> {
  const cost = await costOf(work(small));
  return (await costOf(work(large))) / Math.max(cost, least);
}
