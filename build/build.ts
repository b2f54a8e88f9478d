/**
 * Makes dist/: jobgate with all it depends on in few files, so that an installed jobgate is one package and starts fast;
 * the library's types; the page of serve; and the licences of all that went in.
 */
import { chmodSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { bundle } from './bundle.js';
import { licences } from './licences.js';
import { page } from './page.js';
import { types } from './types.js';

process.chdir(new URL('..', import.meta.url).pathname);
rmSync('dist', { recursive: true, force: true });
const declarations = types('dist');
const modules = [...(await bundle('dist')), ...(await page('dist/page'))];
// What the bundler adds of its own.
const bundler = createRequire(import.meta.url).resolve('rolldown/package.json');
writeFileSync('dist/THIRD-PARTY-LICENSES', licences([...modules, ...declarations, bundler]));
chmodSync('dist/src/cli.js', 0o755);
