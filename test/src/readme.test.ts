import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
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
