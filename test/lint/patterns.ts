/** Fails where a regular expression of the product may take more than linear time; a part of `npm run lint`. */
import { fileURLToPath } from 'node:url';
import { checkPatterns } from './check-patterns.js';

const problems = checkPatterns(fileURLToPath(new URL('tsconfig.json', import.meta.url)));
for (const problem of problems) console.error(problem);
if (problems.length > 0) {
  console.error(
    'Write it so that no two repetitions can share a text; or cut the text, and say so above the pattern: // bounded: 300 bytes',
  );
  process.exitCode = 1;
}
