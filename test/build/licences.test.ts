import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { licences } from '../../build/licences.js';

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'jobgate-licences-'));
});
afterAll(() => rmSync(dir, { recursive: true }));

function module(name: string, manifest: object, licence?: string): string {
  const folder = join(dir, 'node_modules', name);
  mkdirSync(join(folder, 'lib'), { recursive: true });
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name, version: '1.2.3', ...manifest }));
  if (licence) writeFileSync(join(folder, 'LICENCE.md'), licence);
  return join(folder, 'lib/index.js');
}

it('are those of the packages that modules are from, each once', () => {
  const scoped = module('@scope/one', { license: 'MIT' }, 'text of one');
  const text = licences(['/own/src/cli.ts', '\0runtime', scoped, scoped.replace('index', 'other')]);
  expect(text.match(/@scope\/one 1\.2\.3 \(MIT\)\n\ntext of one/g)).toHaveLength(1);
});

it('are the standing text with the author where a package has no file', () => {
  expect(licences([module('bare', { license: 'ISC', author: { name: 'A. Author' } })])).toMatch(
    /Copyright \(c\) A\. Author\n\nPermission to use, copy/,
  );
});

it.each([
  ['none is named', {}],
  ['it is none of the allowed', { license: 'GPL-3.0-only' }],
  ['neither file nor author are there', { license: 'MIT' }],
])('fail the build where %s', (name, manifest) => {
  const file = module(name.replaceAll(' ', '-'), manifest);
  expect(() => licences([file])).toThrow(/^licences: /);
});
