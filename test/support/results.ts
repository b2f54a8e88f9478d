import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { projectRoot } from './engine.js';

/** `results.ts FOLDER [STEP…]`: what failed, by name, of vitest's reports in a folder and of other steps; then a line that counts. */
const [folder = '', ...steps] = process.argv.slice(2);

interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
  readonly testResults: readonly {
    readonly name: string;
    readonly message: string;
    readonly assertionResults: readonly {
      readonly status: string;
      readonly fullName: string;
      readonly failureMessages: readonly string[];
    }[];
  }[];
}

let [passed, failed, skipped] = [0, 0, 0];
for (const name of readdirSync(folder).filter((file) => file.endsWith('.json'))) {
  let report: Report;
  try {
    report = JSON.parse(readFileSync(join(folder, name), 'utf8'));
  } catch {
    console.log(`failed: ${name} is no report`);
    failed++;
    continue;
  }
  passed += report.numPassedTests;
  failed += report.numFailedTests;
  // Of the one job per Node, the rest of its file is skipped by intent.
  if (name === 'all.json') skipped += report.numPendingTests + report.numTodoTests;
  for (const { name: file, message, assertionResults } of report.testResults) {
    const where = `failed (${name.slice(0, -'.json'.length)}): ${relative(projectRoot, file)}`;
    if (message) console.log(`${where}: ${firstLine(message)}`);
    for (const { status, fullName, failureMessages } of assertionResults)
      if (status === 'failed')
        console.log(`${where}: ${fullName}: ${failureMessages.map(firstLine).join('; ')}`);
  }
}
for (const step of steps) console.log(`failed: ${step}`);
if (steps.length > 0) failed ||= 1;
console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);

function firstLine(text: string): string {
  return text.split('\n', 1)[0] as string;
}
