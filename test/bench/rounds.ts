import type { Contender } from './contender.js';
import type { Sample } from './load/window.js';
import type { Figure } from './report.js';
import { median } from './stats.js';

/**
 * Has each contender do the work once in each round, so that whatever else happens on the machine meets all alike.
 * `direct` must be the first: it is what the others are compared to.
 */
export async function interleaved(
  { name, unit, scale = 1, rounds }: { name: string; unit: string; scale?: number; rounds: number },
  contenders: readonly Contender[],
  work: (contender: Contender) => Promise<Sample>,
): Promise<Omit<Figure, 'section'>[]> {
  const samples = contenders.map((): Sample[] => []);
  for (let round = 0; round < rounds; round++) {
    for (const [i, contender] of contenders.entries()) samples[i]?.push(await work(contender));
  }
  const base = samples[0] ?? [];
  return contenders.map((contender, i) => {
    const own = samples[i] ?? [];
    const measured = own.flatMap(({ cpu }) => cpu.measured ?? []);
    return {
      name,
      of: contender.name,
      unit,
      rounds: own.map(({ perSecond }) => perSecond * scale),
      perCpuSecond:
        measured.length > 0
          ? own.map(({ perSecond, cpu }) => (perSecond * scale * 100) / (cpu.measured || Number.NaN))
          : undefined,
      ratios: own.map(({ perSecond }, round) => perSecond / (base[round]?.perSecond ?? Number.NaN)),
      cpu: {
        measured: measured.length > 0 ? median(measured) : undefined,
        load: median(own.map(({ cpu }) => cpu.load)),
      },
    };
  });
}
