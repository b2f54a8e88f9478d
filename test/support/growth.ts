/** Time of one call, ms: the least of several measurements, each of enough calls to be longer than the clock's grain. */
function timeOf(call: () => unknown): number {
  let calls = 1;
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 7; ) {
    const began = performance.now();
    for (let i = 0; i < calls; i++) call();
    const took = performance.now() - began;
    if (took < 2) calls *= 2;
    else {
      least = Math.min(least, took / calls);
      round++;
    }
  }
  return least;
}

/** How many times longer `read` takes for an input of `large` units than for one of `small`: no clock decides. */
export function growth<T>(
  read: (input: T) => unknown,
  make: (units: number) => T,
  small: number,
  large: number,
): number {
  const [one, other] = [make(small), make(large)];
  return timeOf(() => read(other)) / timeOf(() => read(one));
}
