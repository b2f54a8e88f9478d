import { isLocalType } from './job.js';
import { isRecord } from './known-keys.js';
import type { LocatedProblem } from './problem.js';

/** What jobgate cannot do when it runs a job itself, in a spec of the current shape with canonical keys. */
export function refusedByRun(spec: Record<string, unknown>): LocatedProblem[] {
  const problems: LocatedProblem[] = [];
  if (typeof spec.Count === 'number' && spec.Count > 1) {
    problems.push({
      segments: ['Count'],
      problem: `one execution at a time, not ${spec.Count}: set it to 1`,
    });
  }
  const tasks = Array.isArray(spec.Tasks) ? spec.Tasks : [];
  for (const [index, task] of tasks.entries()) {
    if (!isRecord(task)) continue;
    const path = ['Tasks', index];
    const gpu = isRecord(task.Resources) ? task.Resources.GPU : undefined;
    if (Number(gpu ?? 0) > 0) {
      problems.push({
        segments: [...path, 'Resources', 'GPU'],
        problem: 'GPUs are not supported: set it to 0',
      });
    }
    const inputs = Array.isArray(task.InputSources) ? task.InputSources : [];
    for (const [number, input] of inputs.entries()) {
      const type = isRecord(input) && isRecord(input.Source) ? input.Source.Type : undefined;
      if (typeof type !== 'string' || type === '' || isLocalType(type)) continue;
      problems.push({
        segments: [...path, 'InputSources', number, 'Source', 'Type'],
        problem: `inputs of type ${JSON.stringify(type)} are not supported: only localDirectory is`,
      });
    }
  }
  return problems;
}
