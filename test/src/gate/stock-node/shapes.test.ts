import { expect, it } from 'vitest';
import { isListed } from '../../../../src/gate/stock-node/shapes.js';

const labels = { 'bacalhau-executor': 'bacalhau-n1', 'bacalhau-executionID': 'bacalhau-n1e-1' };
const listed = { Id: 'abcdef', Names: ['/bacalhau-x-gateway'], State: 'running', Labels: labels } as never;

it.each([
  [{}, true],
  [{ label: ['bacalhau-executionID=bacalhau-n1e-1'] }, true],
  [{ label: ['bacalhau-executor', 'bacalhau-executionID=bacalhau-n1e-1'] }, true],
  [{ label: ['bacalhau-executionID=bacalhau-n1e-2'] }, false],
  [{ label: ['bacalhau-executor', 'other'] }, false],
  [{ label: ['constructor'] }, false],
  [{ name: ['gateway'] }, true],
  [{ name: ['executor'] }, false],
  [{ id: ['abc'] }, true],
  [{ status: ['exited'] }, false],
  [{ status: ['running'], id: ['abc'] }, true],
  [{ volume: ['v'] }, false],
])('a list with filters %j: %s', (filters, is) => {
  expect(isListed(listed, filters as Record<string, string[]>)).toBe(is);
});
