import type { Job } from '../../admission/job.js';
import { parseJobSpec } from '../../admission/job-spec.js';

/** The example of the reference, 1.5 and later. */
export function spec(
  task: Record<string, unknown> = {},
  job: Record<string, unknown> = {},
): Record<string, unknown> {
  return {
    Name: 'fetch',
    Type: 'batch',
    Namespace: 'default',
    Count: 1,
    Tasks: [
      {
        Name: 'main',
        Engine: { Type: 'docker', Params: { Image: 'alpine:3.20', Parameters: ['true'] } },
        Network: { Type: 'HTTP', Domains: ['example.com'] },
        ...task,
      },
    ],
    ...job,
  };
}

/** A job on a network; undefined is an absent Network. */
export function jobOn(type: string | undefined, ...domains: string[]): Job {
  return parse(spec({ Network: type === undefined ? undefined : { Type: type, Domains: domains } }));
}

export function parse(value: unknown): Job {
  const parsed = parseJobSpec(value, { purpose: 'admission' });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return parsed.value;
}

/** `path: problem` of each problem. */
export function problems(value: unknown, purpose: 'admission' | 'run' = 'admission'): string[] {
  const parsed = parseJobSpec(value, { purpose });
  return parsed.ok ? [] : parsed.problems.map(({ path, problem }) => `${path}: ${problem}`);
}

export function localInput(source: string, more: Record<string, unknown> = {}): Record<string, unknown> {
  return { Source: { Type: 'localDirectory', Params: { SourcePath: source, ...more } }, Target: '/inputs' };
}
