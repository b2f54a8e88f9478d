import type { Check, Control, Line } from './check.js';
import type { Evidence } from './evidence.js';
import type { Arrival, Result } from './inside/plan.js';

/** What came of a check. Nothing is held where a control failed, or where a try was not made. */
export function judge(check: Check, evidence: Evidence): Line {
  const { group, title, counts = () => true, leak = reached, shows } = check;
  const controls = check.controls.map((control) => ({
    name: control.name,
    from: control.from,
    ok: succeeded(control, evidence),
  }));
  const tries = check.tries.flatMap(({ name, attempt: { mark } }) => {
    const results = evidence.results(mark);
    const arrived = evidence.withMark(mark).filter(counts);
    const all: readonly (Result | undefined)[] = results.length > 0 ? results : [undefined];
    return all.map((result) => ({ name, mark, result, arrived, why: result && leak(result) }));
  });
  const line = (state: Line['state'], detail: string): Line => ({
    group,
    title,
    state,
    detail,
    tries: tries.map(({ name, mark, result, arrived }) => {
      const { heard: _, ...rest } = result ?? { mark, outcome: 'error' as const, detail: 'no result', ms: 0 };
      return { ...rest, name, arrived: arrived.length > 0 };
    }),
    controls,
  });

  const leaks = tries.flatMap(({ name, arrived, why }) => {
    if (why === undefined && arrived.length === 0) return [];
    return [`${name}: ${why ?? `arrived${whereOf(arrived)}`}`];
  });
  if (leaks.length > 0) return line('leaks', some([...new Set(leaks)]));
  if (check.missing !== undefined) return line('unknown', check.missing);
  const failed = controls.filter(({ ok }) => !ok);
  if (failed.length > 0) {
    const names = failed.map(({ name, from }) => `${name} ${FROM[from]}`);
    return line('unknown', `the control failed: ${some(names)}`);
  }
  if (controls.length === 0) return line('unknown', 'it has no control here');
  const untried = tries.filter(({ result }) => result === undefined || result.outcome === 'error');
  if (untried.length > 0) {
    return line(
      'unknown',
      some(untried.map(({ name, result }) => `${name}: ${result?.detail ?? 'not tried'}`)),
    );
  }
  if (tries.length === 0) return line('unknown', 'nothing was tried');
  const results = tries.map(({ result }) => result as Result);
  return line('held', shows ? some(results.map(shows)) : summary(results));
}

const FROM: Readonly<Record<Control['from'], string>> = {
  here: 'from this host',
  job: 'from the job',
  neighbour: 'from the neighbour itself',
};

const reached = ({ outcome, detail }: Result) => (outcome === 'reached' ? detail : undefined);

function succeeded({ attempt: { mark }, passes }: Control, evidence: Evidence): boolean {
  const enough = ({ outcome, heard = '' }: Result) => outcome === 'reached' || passes?.test(heard);
  return evidence.withMark(mark).length > 0 || evidence.results(mark).some(enough);
}

function whereOf(arrived: readonly Arrival[]): string {
  const [{ at, over, port } = { at: '', over: '', port: 0 }] = arrived;
  return over === 'dns' ? ' as a question at the name server' : ` at ${at}, ${over} ${port}`;
}

/** `12 tries: 10 refused, 2 silent` */
function summary(results: readonly Result[]): string {
  const counts = new Map<string, number>();
  for (const { outcome } of results) counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
  const parts = [...counts].map(([outcome, n]) => (counts.size === 1 ? outcome : `${n} ${outcome}`));
  return `${results.length} ${results.length === 1 ? 'try' : 'tries'}: ${parts.join(', ')}`;
}

const SHOWN = 3;

function some(texts: readonly string[]): string {
  const rest = texts.length - SHOWN;
  return `${texts.slice(0, SHOWN).join('; ')}${rest > 0 ? `; and ${rest} more` : ''}`;
}
