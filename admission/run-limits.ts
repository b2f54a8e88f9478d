import { pathProblem } from './input-path.js';
import { isLocalType } from './job.js';
import { isRecord } from './known-keys.js';
import { type Problems, quote } from './problem.js';

/** What jobgate cannot do when it runs a job itself, in a spec of the current shape with canonical keys. */
export function refusedByRun(spec: Record<string, unknown>, problems: Problems): void {
  if (Number(spec.Count ?? 1) > 1) {
    problems.add(['Count'], `one execution at a time, not ${quote(spec.Count)}: set it to 1`);
  }
  const tasks = Array.isArray(spec.Tasks) ? spec.Tasks : [];
  for (const [index, task] of tasks.entries()) {
    if (!isRecord(task)) continue;
    const path = ['Tasks', index];
    const gpu = isRecord(task.Resources) ? task.Resources.GPU : undefined;
    if (Number(gpu ?? 0) > 0) {
      problems.add([...path, 'Resources', 'GPU'], 'GPUs are not supported: set it to 0');
    }
    const timeouts = isRecord(task.Timeouts) ? task.Timeouts : {};
    for (const name of ['ExecutionTimeout', 'TotalTimeout']) {
      if (!(Number(timeouts[name] ?? 0) > MAX_SECONDS)) continue;
      problems.add([...path, 'Timeouts', name], `must be at most ${MAX_SECONDS} seconds, or 0 for none`);
    }
    const engine = isRecord(task.Engine) && isRecord(task.Engine.Params) ? task.Engine.Params : {};
    const variables = Array.isArray(engine.EnvironmentVariables) ? engine.EnvironmentVariables : [];
    for (const [number, pair] of variables.entries()) {
      if (typeof pair !== 'string' || pair.indexOf('=') > 0) continue;
      const at = [...path, 'Engine', 'Params', 'EnvironmentVariables', number];
      problems.add(at, `must be NAME=value, not ${quote(pair)}`);
    }
    const inputs = Array.isArray(task.InputSources) ? task.InputSources : [];
    for (const [number, input] of inputs.entries()) {
      if (!isRecord(input)) continue;
      const at = [...path, 'InputSources', number];
      const target = typeof input.Target === 'string' ? pathProblem(input.Target) : undefined;
      if (target !== undefined) problems.add([...at, 'Target'], target);
      const type = isRecord(input.Source) ? input.Source.Type : undefined;
      if (typeof type !== 'string' || type === '' || isLocalType(type)) continue;
      problems.add(
        [...at, 'Source', 'Type'],
        `inputs of type ${quote(type)} are not supported: only localDirectory is`,
      );
    }
  }
}

/** The range of a timer, some 24 days: beyond it, it would fire at once. */
const MAX_SECONDS = 2_147_483;
