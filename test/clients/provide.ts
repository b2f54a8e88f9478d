/**
 * Everything that the clients' suite runs in containers, unpacked below node_modules/.cache and not installed: Debian's
 * packages with all that they need, and what the npm registry has. Run by itself it fetches what is missing, which needs
 * root and the registries; the suite itself needs neither.
 */
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
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { apt } from '../support/apt.js';
import { projectRoot } from '../support/engine.js';

const run = promisify(execFile);

const FOLDER = join(projectRoot, 'node_modules/.cache/jobgate/clients');

/** Of the containers: `/usr`, `/etc`, … as the packages have them; no script of theirs was run. */
export const ROOT = join(FOLDER, 'root');
/** With `node_modules` in it. */
export const NPM = join(FOLDER, 'npm');
/** Programs that were compiled. */
export const BIN = join(FOLDER, 'bin');

const DEBIAN = [
  ...['bash', 'coreutils', 'grep', 'sed', 'findutils', 'ca-certificates', 'libnss3-tools'],
  ...['curl', 'wget', 'busybox-static', 'git', 'apt', 'openssl', 'chromium', 'cargo', 'default-jdk-headless'],
  ...[
    'python3',
    'python3-requests',
    'python3-httpx',
    'python3-aiohttp',
    'python3-websockets',
    'python3-grpcio',
  ],
  ...['golang-go', 'golang-github-gorilla-websocket-dev'],
];

const ARCH = process.arch;
/** Aliases, so that several versions are beside each other. The newest of each line. */
const PACKAGES = {
  ...Object.fromEntries([20, 22, 24, 26].map((major) => [`node-${major}`, `node-linux-${ARCH}@${major}`])),
  axios: 'axios@1',
  got: 'got@latest',
  ws: 'ws@8',
  npm: 'npm@11',
  '@grpc/grpc-js': '@grpc/grpc-js@1',
  deno: `@deno/linux-${ARCH}-glibc@2`,
  bun: `@oven/bun-linux-${ARCH}${ARCH === 'x64' ? '-baseline' : ''}@1`,
};

/** Fetches what is not there yet. Rejects with what cannot be had. */
export async function provide(): Promise<void> {
  await once('debian', DEBIAN, unpackDebian);
  await once('packages', Object.values(PACKAGES), installPackages);
  await once('go', [readFileSync(GO_SOURCE, 'utf8')], compileGo);
}

async function once(name: string, list: readonly string[], make: () => Promise<void>): Promise<void> {
  const stamp = join(FOLDER, `${name}.done`);
  const wanted = createHash('sha256').update(list.join('\n')).digest('hex');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  process.stderr.write(`clients: making ${name}\n`);
  await make();
  writeFileSync(stamp, wanted);
}

async function unpackDebian(): Promise<void> {
  const archives = join(FOLDER, 'archives');
  mkdirSync(archives, { recursive: true });
  await apt(['closure', ...DEBIAN], { cwd: archives });
  rmSync(ROOT, { recursive: true, force: true });
  // Packages still have files in /bin and /lib, which are links.
  for (const name of ['bin', 'sbin', 'lib', 'lib64']) {
    mkdirSync(join(ROOT, 'usr', name), { recursive: true });
    symlinkSync(`usr/${name}`, join(ROOT, name));
  }
  for (const archive of readdirSync(archives).filter((name) => name.endsWith('.deb'))) {
    const unpack =
      'dpkg-deb --fsys-tarfile "$1" | tar -C "$2" -xf - --no-same-owner --keep-directory-symlink';
    await run('bash', ['-o', 'pipefail', '-c', unpack, 'unpack', join(archives, archive), ROOT]);
  }
  rmSync(archives, { recursive: true });
  // What their scripts would have made.
  writeFileSync(
    join(ROOT, 'etc/passwd'),
    'root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65534::/nonexistent:/bin/false\n',
  );
  writeFileSync(join(ROOT, 'etc/group'), 'root:x:0:\nnogroup:x:65534:\n');
  writeFileSync(join(ROOT, 'etc/nsswitch.conf'), 'passwd: files\ngroup: files\nhosts: files dns\n');
  symlinkSync('bash', join(ROOT, 'usr/bin/sh'));
}

const GO_SOURCE = `${projectRoot}test/clients/programs/get.go`;

/** By Debian's compiler, with no C in it. */
async function compileGo(): Promise<void> {
  const goRoot = join(ROOT, 'usr/lib/go-1.19');
  const env = {
    PATH: process.env.PATH,
    GOROOT: goRoot,
    GOPATH: join(ROOT, 'usr/share/gocode'),
    GOCACHE: join(FOLDER, 'go-cache'),
    GO111MODULE: 'off',
    CGO_ENABLED: '0',
  };
  await run(join(goRoot, 'bin/go'), ['build', '-o', join(BIN, 'get'), GO_SOURCE], { env, timeout: 600_000 });
  rmSync(env.GOCACHE, { recursive: true });
}

async function installPackages(): Promise<void> {
  rmSync(NPM, { recursive: true, force: true });
  mkdirSync(NPM, { recursive: true });
  const specs = Object.entries(PACKAGES).map(([name, spec]) =>
    spec.startsWith(name) ? spec : `${name}@npm:${spec}`,
  );
  const quiet = ['--ignore-scripts', '--no-audit', '--no-fund', '--silent', '--force'];
  await run('npm', ['install', ...quiet, '--prefix', NPM, ...specs], { timeout: 900_000 });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await provide();
