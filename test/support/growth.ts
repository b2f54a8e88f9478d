/** Processor time of one call, µs. */
export async function cpuOf(call: () => unknown): Promise<number> {
  const began = process.cpuUsage();
  const result = call();
  if (result instanceof Promise) await result;
  const { user, system } = process.cpuUsage(began);
  return user + system;
}

/** The least of several measurements, each well above what can be measured. */
async function costOf(call: () => unknown, rounds: number): Promise<number> {
  let calls = 1;
  let least = Number.POSITIVE_INFINITY;
  const often = async () => {
    for (let i = 0; i < calls; i++) {
      const result = call();
      if (result instanceof Promise) await result;
    }
  };
  for (let round = 0; round < rounds; ) {
    const took = await cpuOf(often);
    if (took < 2_000) calls *= 2;
    else {
      least = Math.min(least, took / calls);
      round++;
    }
  }
  return least;
}

/** Near enough to linear: what is asked for allows more. */
const LINEAR = 1.5;

/**
 * How many times the processor time of the small work the large one takes. It is told by comparison: what a busy machine
 * makes slower it makes slower for both. The large one, which is dear, is measured again only while it costs more than in
 * proportion.
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
  const one = work(small);
  await one(); // compiled by now
  const of = Math.max(await costOf(one, 3), least);
  const other = work(large);
  let ratio = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 7 && ratio > (large / small) * LINEAR; round++) {
    ratio = Math.min(ratio, (await costOf(other, 1)) / of);
  }
  return ratio;
}
