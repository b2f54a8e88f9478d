import { spawnSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { projectRoot } from '../support/engine.js';

it('logs for people show what a terminal would obey, in messages, fields and errors, and one line is one line', () => {
  const script = `
    import { createLogger } from './src/logging.js';
    const logger = createLogger({ level: 'info', format: 'pretty' });
    const bad = 'a\\x1b[2J\\x9b\\u202e\\rb';
    logger.child({ job: bad }).warn({ field: bad }, bad + '\\nforged');
    logger.warn({ err: new Error(bad) }, 'error');
  `;
  const { stderr } = spawnSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
    cwd: projectRoot,
    encoding: 'utf8',
  });
  expect(stderr).not.toMatch(/(?!\n)[\p{Cc}\u2028-\u202e]/u);
  expect(stderr).toContain('a\\x1b[2J\\x9b\\u202e\\x0db\\nforged');
  expect(stderr).toContain('WARN: error: a\\x1b[2J');
  expect(stderr.split('\n').filter((line) => line.startsWith('forged'))).toEqual([]);
});
