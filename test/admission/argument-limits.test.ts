import { describe, expect, it } from 'vitest';
import { parseJobSpec } from '../../admission/job-spec.js';

const problems = (Params: object, more: object = {}) => {
  const spec = { Tasks: [{ Engine: { Type: 'docker', Params: { Image: 'a', ...Params } }, ...more }] };
  return (['run', 'admission'] as const).map((purpose) => {
    const parsed = parseJobSpec(spec, { purpose });
    return parsed.ok ? [] : parsed.problems.map(({ path, problem }) => `${path}: ${problem}`);
  });
};
const text = (bytes: number) => 'x'.repeat(bytes);

describe('what a container is started with', () => {
  it.each([
    [{ Entrypoint: [text(4_095)] }],
    [{ Entrypoint: ['sh', '-c', text(131_071)] }],
    [{ Parameters: [text(131_071), text(100_000)] }],
    [{ EnvironmentVariables: [`A=${text(131_069)}`] }],
  ])('is fine up to what Linux takes', (params) => expect(problems(params)).toEqual([[], []]));

  it.each([
    [{ Entrypoint: [text(4_096)] }, {}, 'Entrypoint[0]: has 4096 bytes: at most 4095 are possible'],
    [{ Entrypoint: ['é'.repeat(2_048)] }, {}, 'Entrypoint[0]: has 4096 bytes'],
    [{ Parameters: ['a', text(131_072)] }, {}, 'Parameters[1]: has 131072 bytes: at most 131071'],
    [{ EnvironmentVariables: [`A=${text(131_070)}`] }, {}, 'EnvironmentVariables[0]: has 131072 bytes'],
    [{ Parameters: Array(3).fill(text(100_000)) }, {}, 'at most 262144 are possible'],
    [{ Parameters: Array(30_000).fill('') }, {}, 'have 270000 bytes: at most 262144'],
    [{ Parameters: [text(131_000)] }, { Env: { A: text(131_000), B: text(200) } }, 'at most 262144'],
    [{}, { Env: { A: text(131_070) } }, 'Tasks[0].Env.A: has 131072 bytes'],
  ])('is refused beyond that, with how much it is and how much may be', (params, more, problem) => {
    for (const told of problems(params, more)) expect(told).toEqual([expect.stringContaining(problem)]);
  });
});
