import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from './engine.js';

const SOURCES = ['.ts', '.tsx', '.css', '.svg'];

/** Tests that start the command line start what is in dist/, and serve the page from there: built here, where a source is newer than that. Two seconds. */
export function setup(): void {
  const newest = (folder: string, endings: readonly string[]) => {
    const top = join(projectRoot, folder);
    const files = existsSync(top) ? readdirSync(top, { recursive: true, encoding: 'utf8' }) : [];
    const wanted = files.filter((file) => endings.some((ending) => file.endsWith(ending)));
    return Math.max(0, ...wanted.map((file) => statSync(join(top, file)).mtimeMs));
  };
  const sources = ['build', 'src', 'proxy', 'admission', 'docker'].map((folder) => newest(folder, SOURCES));
  if (Math.max(...sources) < newest('dist', ['.js'])) return;
  const build = spawnSync('npm', ['run', '--silent', 'build'], { cwd: projectRoot, encoding: 'utf8' });
  if (build.status !== 0) process.stderr.write(`the build has errors:\n${build.stdout}${build.stderr}\n`);
}
