/** What the test of the API's document needs: a client in Perl that is made of it, with all of Debian's that this needs, and a linter. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { apt } from '../support/apt.js';
import { projectRoot } from '../support/engine.js';

const run = promisify(execFile);

const FOLDER = join(projectRoot, 'node_modules/.cache/jobgate/api-clients');
/** To be a program's `/`. */
export const PERL_ROOT = join(FOLDER, 'root');
export const REDOCLY = join(FOLDER, 'npm/node_modules/@redocly/cli/bin/cli.js');

const DEBIAN = ['perl', 'libopenapi-client-perl'];
const LINTER = '@redocly/cli@2';

/** Fetches what is not there yet. Rejects with what cannot be had. */
export async function provideApi(): Promise<void> {
  const stamp = join(FOLDER, 'done');
  const wanted = createHash('sha256')
    .update([...DEBIAN, LINTER].join('\n'))
    .digest('hex');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  rmSync(FOLDER, { recursive: true, force: true });
  await unpackPerl();
  const quiet = ['--ignore-scripts', '--no-audit', '--no-fund', '--silent'];
  await run('npm', ['install', ...quiet, '--prefix', join(FOLDER, 'npm'), LINTER], { timeout: 600_000 });
  writeFileSync(stamp, wanted);
}

async function unpackPerl(): Promise<void> {
  const archives = join(FOLDER, 'archives');
  mkdirSync(archives, { recursive: true });
  await apt(['closure', ...DEBIAN], { cwd: archives });
  // Packages still have files in /bin and /lib, which are links.
  for (const name of ['bin', 'sbin', 'lib', 'lib64']) {
    mkdirSync(join(PERL_ROOT, 'usr', name), { recursive: true });
    symlinkSync(`usr/${name}`, join(PERL_ROOT, name));
  }
  for (const archive of readdirSync(archives).filter((name) => name.endsWith('.deb'))) {
    const unpack =
      'dpkg-deb --fsys-tarfile "$1" | tar -C "$2" -xf - --no-same-owner --keep-directory-symlink';
    await run('bash', ['-o', 'pipefail', '-c', unpack, 'unpack', join(archives, archive), PERL_ROOT]);
  }
  rmSync(archives, { recursive: true });
  writeCache();
}

/**
 * The client knows the schema of OpenAPI 3.0 documents and would fetch that of 3.1, to judge the document itself. That
 * is the linter's here; what it makes of the document, it makes in any case.
 */
function writeCache(): void {
  const schema = 'https://spec.openapis.org/oas/3.1/schema/2021-05-20';
  const folder = join(PERL_ROOT, 'cache');
  mkdirSync(folder);
  const name = createHash('md5').update(schema).digest('hex');
  writeFileSync(join(folder, name), JSON.stringify({ $id: schema }));
}
