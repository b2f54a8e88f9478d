/** `threats-shown.ts REPORT`: whether a run of all tests showed what docs/threats.md says that it holds. */
import { readFileSync } from 'node:fs';
import { notShown } from './threat-model.js';

const missing = notShown(JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')));
for (const { file, title } of missing)
  console.error(`threat model: not shown by this run: ${file}: ${title}`);
process.exit(missing.length > 0 ? 1 : 0);
