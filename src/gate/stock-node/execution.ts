import { join, normalize, relative } from 'node:path';
import { ID_PATTERN } from '../../../admission/job.js';

/** One execution of a stock Bacalhau node, as the names and labels of its objects tell it (the same since its 1.0.0). */
export interface Execution {
  readonly node: string;
  readonly job: string;
  readonly execution: string;
}

export type Part = 'network' | 'gateway' | 'executor';

/** The image that a stock node's gateways run; no setting of it names another. */
export const GATEWAY_IMAGE = 'ghcr.io/bacalhau-project/http-gateway:v0.3.17';

const PREFIX = 'bacalhau-';

export function nameOf({ node, job, execution }: Execution, part: Part): string {
  return `${PREFIX}${PREFIX}${node}-${job}-${execution}-${part}`;
}

export function labelsOf({ node, job, execution }: Execution): Record<string, string> {
  return {
    'bacalhau-executor': `${PREFIX}${node}`,
    'bacalhau-jobID': `${PREFIX}${node}${job}`,
    'bacalhau-executionID': `${PREFIX}${node}${execution}`,
  };
}

/** Whose object this is: where its labels and its name say the same, and nowhere else. */
export function executionOf(
  name: string | undefined,
  labels: Readonly<Record<string, unknown>> | null | undefined,
  part: Part,
): Execution | undefined {
  const value = (label: string) => {
    const text = labels?.[label];
    return typeof text === 'string' ? text : '';
  };
  const executor = value('bacalhau-executor');
  const rest = (label: string) =>
    value(label).startsWith(executor) ? value(label).slice(executor.length) : '';
  const node = executor.startsWith(PREFIX) ? executor.slice(PREFIX.length) : '';
  const found = { node, job: rest('bacalhau-jobID'), execution: rest('bacalhau-executionID') };
  const isWhole = Object.values(found).every((id) => ID_PATTERN.test(id));
  return isWhole && name?.replace(/^\//, '') === nameOf(found, part) ? found : undefined;
}

/** The same of a network that was made for one, whose ids are known. */
export function executionOfNetwork(
  name: string,
  { job, execution = '' }: { readonly job: string; readonly execution?: string },
): Execution | undefined {
  const tail = `-${job}-${execution}-network`;
  const head = `${PREFIX}${PREFIX}`;
  if (!name.startsWith(head) || !name.endsWith(tail) || name.length <= head.length + tail.length)
    return undefined;
  return { node: name.slice(head.length, -tail.length), job, execution };
}

/**
 * What of these a node keeps for a job and mounts into its container: an input that it has downloaded, each in a directory
 * of its own (`compute/executions/DIR`), and what the job writes (`compute/executions/output/EXECUTION/results`). What is
 * other executions' is none of it, nor what holds them all.
 *
 * @param dataDir of the node, as its configuration has it.
 */
export function directoriesOf(
  dataDir: string | undefined,
  { execution }: Execution,
  mounts: readonly { readonly source: string }[],
): string[] {
  if (dataDir === undefined) return [];
  const root = join(dataDir, 'compute', 'executions');
  const results = join(root, 'output', execution, 'results');
  return mounts.flatMap(({ source }) => {
    const [first = '', ...rest] = relative(root, normalize(source)).split('/');
    if (first === '' || first === '..' || first === 'output')
      return rest[0] === execution && rest[1] === 'results' && first === 'output' ? [results] : [];
    return [join(root, first)];
  });
}
