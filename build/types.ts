import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire, isBuiltin } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';

const { resolve } = createRequire(import.meta.url);

/**
 * The types of the engine client are part of the library's: they come along, so that nobody has to install them (and
 * those of an SSH client with them, which jobgate does not use).
 */
const FOREIGN = ['dockerode', 'docker-modem'];
const SSH = /^import \{ ConnectConfig \} from "ssh2";$/m;

/**
 * The declarations that `src/index.ts` leads to, below `folder`.
 *
 * @returns the files of other packages that went in.
 */
export function types(folder: string): string[] {
  const all = mkdtempSync(join(tmpdir(), 'jobgate-types-'));
  try {
    execFileSync('node_modules/.bin/tsc', ['-p', 'tsconfig.build.json', '--outDir', all], {
      stdio: 'inherit',
    });
    follow(join(all, 'src/index.d.ts'), (path, text) => write(join(folder, relative(all, path)), text));
  } finally {
    rmSync(all, { recursive: true });
  }
  return FOREIGN.map((name) => {
    const path = resolve(`@types/${name}/package.json`).replace(/package\.json$/, 'index.d.ts');
    const text = readFileSync(path, 'utf8').replace(SSH, 'type ConnectConfig = never;');
    write(join(folder, `types/${name}.d.cts`), withPaths(text, 'types'));
    return path;
  });
}

function follow(first: string, each: (path: string, text: string) => void): void {
  const top = dirname(dirname(first));
  const paths = new Set([first]);
  for (const path of paths) {
    const text = readFileSync(path, 'utf8');
    each(path, withPaths(text, relative(top, dirname(path))));
    for (const [, name] of text.matchAll(/(?:from|import\() ?['"](\.[^'"]+)\.js['"]/g)) {
      paths.add(join(dirname(path), `${name}.d.ts`));
    }
  }
}

// What the packages are called where they are now.
function withPaths(text: string, from: string): string {
  return text.replaceAll(/(from |require\(|import\()(['"])([^'"./][^'"]*)\2/g, (all, before, quote, name) => {
    if (isBuiltin(name)) return all;
    if (!FOREIGN.includes(name))
      throw new Error(`types: ${from} uses those of ${name}, which do not come along`);
    const path = relative(from, `types/${name}.cjs`);
    return `${before}${quote}${path.startsWith('.') ? path : `./${path}`}${quote}`;
  });
}

function write(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}
