import { existsSync, readFileSync } from 'node:fs';

const root = packageRoot(new URL('..', import.meta.url));

/** A file of this package, wherever the module that asks has been put: in its sources, or in a bundle of them. */
export function packageFile(path: string): URL {
  return new URL(path, root);
}

/** `0.1.0` */
export function packageVersion(): string {
  return JSON.parse(readFileSync(packageFile('package.json'), 'utf8')).version;
}

function packageRoot(folder: URL): URL {
  if (existsSync(new URL('package.json', folder)) || folder.pathname === '/') return folder;
  return packageRoot(new URL('..', folder));
}
