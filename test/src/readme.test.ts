import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { cli } from '../support/cli.js';
import { projectRoot } from '../support/engine.js';
import { readme, refreshed } from '../support/readme.js';

it('the tables of settings and refusals are those of the code (npm run docs writes them)', () => {
  expect(refreshed(readme())).toBe(readme());
});

it('every dependency has its reason', () => {
  const { dependencies, devDependencies } = JSON.parse(readFileSync(`${projectRoot}package.json`, 'utf8'));
  for (const name of Object.keys({ ...dependencies, ...devDependencies }))
    expect(readme(), name).toContain(`\`${name}\``);
});

it('no example asks for more than the wget of the image that it names can do', async () => {
  const { stdout: help } = await cli(['--help']);
  const { stdout: runHelp } = await cli(['run', '--help']);
  const lines = [readme(), help, runHelp].join('\n').match(/.*alpine.* wget .*/g);
  expect(lines?.length).toBeGreaterThan(3);
  // BusyBox's reads http_proxy only, and asks for https:// through it in the clear.
  for (const line of lines ?? []) expect(line).not.toContain('https:');
});
