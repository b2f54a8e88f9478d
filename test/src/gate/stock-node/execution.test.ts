import { describe, expect, it } from 'vitest';
import {
  directoriesOf,
  executionOf,
  executionOfNetwork,
  labelsOf,
  nameOf,
} from '../../../../src/gate/stock-node/execution.js';
import { labelsOf as nodeLabels, nameOf as nodeName } from '../../../stock-node/bodies.js';

const ids = { nodeId: 'n-1.eu_a', jobId: 'j-5a-b', executionId: 'e-7c-d' };
const found = { node: 'n-1.eu_a', job: 'j-5a-b', execution: 'e-7c-d' };

describe('what a stock node calls its objects', () => {
  it.each(['network', 'gateway', 'executor'] as const)('is known of its %s, by name and labels', (part) => {
    expect(executionOf(nodeName(ids, part), nodeLabels(ids), part)).toEqual(found);
    expect(executionOf(`/${nodeName(ids, part)}`, nodeLabels(ids), part)).toEqual(found);
    expect(nameOf(found, part)).toBe(nodeName(ids, part));
    expect(labelsOf(found)).toEqual(nodeLabels(ids));
  });

  it.each([
    ['another name', 'bacalhau-bacalhau-n2-j-5a-b-e-7c-d-executor', nodeLabels(ids)],
    ['the name of another part', nodeName(ids, 'gateway'), nodeLabels(ids)],
    ['no name', undefined, nodeLabels(ids)],
    ['no labels', nodeName(ids, 'executor'), {}],
    ['null for labels', nodeName(ids, 'executor'), null],
    [
      'labels of two nodes',
      nodeName(ids, 'executor'),
      { ...nodeLabels(ids), 'bacalhau-executor': 'bacalhau-other' },
    ],
    [
      'an id that is none',
      'bacalhau-bacalhau-n-a b-e-executor',
      nodeLabels({ ...ids, nodeId: 'n', jobId: 'a b', executionId: 'e' }),
    ],
    ['a label that is no text', nodeName(ids, 'executor'), { ...nodeLabels(ids), 'bacalhau-jobID': 5 }],
  ])('is not known by %s', (_what, name, labels) => {
    expect(executionOf(name, labels as Record<string, unknown>, 'executor')).toBeUndefined();
  });

  it('is known of a network whose ids are known', () => {
    const policy = { job: ids.jobId, execution: ids.executionId };
    expect(executionOfNetwork(nodeName(ids, 'network'), policy)).toEqual(found);
    expect(executionOfNetwork(nodeName(ids, 'network'), { ...policy, job: 'other' })).toBeUndefined();
    expect(executionOfNetwork('jobgate-0123456789ab', policy)).toBeUndefined();
    expect(executionOfNetwork(`bacalhau-bacalhau--${ids.jobId}-x-network`, policy)).toBeUndefined();
  });
});

describe('what a node mounts for a job', () => {
  const root = '/home/node/compute/executions';
  const of = (source: string, dataDir: string | undefined = '/home/node') =>
    directoriesOf(dataDir, found, [{ source }]);

  it.each([
    [`${root}/output/e-7c-d/results/outputs`, `${root}/output/e-7c-d/results`],
    [`${root}/s3-input-12`, `${root}/s3-input-12`],
    [`${root}/12345/file`, `${root}/12345`],
  ])('%s is', (source, directory) => {
    expect(of(source)).toEqual([directory]);
  });

  it.each([
    root,
    `${root}/`,
    `${root}/output`,
    `${root}/output/e-other/results/outputs`,
    `${root}/output/e-7c-d`,
    `${root}/output/e-7c-d/logs`,
    `${root}/x/../output/e-other/results`,
    `${root}/..`,
    '/etc',
    'relative',
  ])('%s is not', (source) => {
    expect(of(source)).toEqual([]);
  });

  it('is nothing where the directory is not known', () => {
    expect(directoriesOf(undefined, found, [{ source: `${root}/12345` }])).toEqual([]);
  });
});
