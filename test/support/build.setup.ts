import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from './engine.js';

/** Tests that start the command line start what is in dist/: built here, where a source is newer than that. Two seconds. */
export function setup(): void {
  const newest = (folder: string, ending: string) => {
    const top = join(projectRoot, folder);
    const files = existsSync(top) ? readdirSync(top, { recursive: true, encoding: 'utf8' }) : [];
    return Math.max(0, ...files.filter((f) => f.endsWith(ending)).map((f) => statSync(join(top, f)).mtimeMs));
  };
  const sources = ['build', 'src', 'proxy', 'admission', 'docker'].map((folder) => newest(folder, '.ts'));
  if (Math.max(...sources) < newest('dist', '.js')) return;
  const build = spawnSync('npm', ['run', '--silent', 'build'], { cwd: projectRoot, encoding: 'utf8' });
  if (build.status !== 0) process.stderr.write(`the build has errors:\n${build.stdout}${build.stderr}\n`);
}
