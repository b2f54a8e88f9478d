import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type Execution,
  type RunOptions,
  StockNode,
  type StockNodeOptions,
} from '../stock-node/stock-node.js';
import type { Cleanup } from './cleanup.js';
import { newName } from './gate.js';

/** Starts a node at an engine or a gate; it ends with the test. */
export async function startNode(
  cleanup: Cleanup,
  engine: string,
  options: Partial<StockNodeOptions> = {},
): Promise<StockNode> {
  const node = cleanup.use(new StockNode({ engine, nodeId: newName('n'), pollMs: 200, ...options }));
  await node.start();
  return node;
}

/** Has a node run a job to its end. */
export async function finished(node: StockNode, job: RunOptions): Promise<Execution> {
  const execution = node.run(job);
  await execution.done;
  return execution;
}

/** The same for a script, which has to end well. @returns what it has written, without white space at its end */
export async function output(
  node: StockNode,
  { script, ...job }: Omit<RunOptions, 'command'> & { readonly script: string },
): Promise<string> {
  const { state, message, exitCode, stdout, stderr } = await finished(node, {
    ...job,
    command: ['bash', '-c', script],
  });
  if (exitCode !== 0) throw new Error(`the job is ${state} with ${exitCode}: ${message}${stderr}`);
  return stdout.trim();
}

/** Has a node run a job, and settles when that runs. Rejects where it does not come to that. */
export function running(node: StockNode, job: RunOptions): Promise<Execution> {
  return new Promise((resolve, reject) => {
    const execution = node.run({ ...job, onStep: (step) => step === 'job-logs' && resolve(execution) });
    execution.done.then(() => reject(new Error(`${execution.state}: ${execution.message}`)));
  });
}

/** The options that name a file with this configuration. */
export function configured(cleanup: Cleanup, configuration: object): [string, string] {
  const folder = mkdtempSync(join(tmpdir(), 'jobgate-config-'));
  cleanup.add(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'config.yaml');
  writeFileSync(file, JSON.stringify(configuration));
  return ['--config', file];
}
