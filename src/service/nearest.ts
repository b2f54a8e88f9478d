/** Longest word that is compared, letters: somebody else wrote it. */
const MAX_WORD = 64;

/** The known word that one most looks like, if any does. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  const asked = word.slice(0, MAX_WORD).toLowerCase();
  const [best] = known
    .map((one) => ({ one, steps: distance(asked, one.toLowerCase()) }))
    .filter(({ one, steps }) => steps <= Math.max(1, Math.floor(one.length / 2)))
    .sort((a, b) => a.steps - b.steps);
  return best?.one;
}

/** Letters to be added, dropped or replaced until one is the other (Levenshtein). */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] as number) + 1, (next[j - 1] as number) + 1));
    }
    row = next;
  }
  return row[b.length] as number;
}
