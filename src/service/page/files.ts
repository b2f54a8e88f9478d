import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { packageFile } from '../../../proxy/util/package-files.js';

/** A file of the page. Its path has a hash of what is in it: whoever has it need never ask again. */
export interface PageFile {
  readonly path: string;
  readonly type: string;
  readonly content: Buffer;
  readonly gzipped: Buffer;
}

export interface PageFiles {
  readonly script: PageFile;
  readonly style: PageFile;
  readonly icon: PageFile;
}

/** What the build made; undefined where nothing was built, as in a fresh clone. */
export function readPageFiles(): PageFiles | undefined {
  try {
    return {
      script: read('page.js', 'text/javascript; charset=utf-8'),
      style: read('page.css', 'text/css; charset=utf-8'),
      icon: read('icon.svg', 'image/svg+xml'),
    };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function read(name: string, type: string): PageFile {
  const content = readFileSync(packageFile(`dist/page/${name}`));
  const hash = createHash('sha256').update(content).digest('base64url').slice(0, 12);
  const path = `/page/${name.replace('.', `-${hash}.`)}`;
  return { path, type, content, gzipped: gzipSync(content, { level: 9 }) };
}
