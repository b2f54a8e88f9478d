import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const HELLO = 'hello from example.com';

/** What git, npm and cargo ask for: a repository, a registry's document, and an archive with its line of an index. */
export function serveFiles(folder: string): void {
  const work = mkdtempSync(join(tmpdir(), 'jobgate-served-'));
  try {
    repository(folder, join(work, 'repository'));
    mkdirSync(join(folder, 'npm'));
    writeFileSync(
      join(folder, 'npm/lone'),
      JSON.stringify({
        name: 'lone',
        'dist-tags': { latest: '1.0.0' },
        versions: {
          '1.0.0': {
            name: 'lone',
            version: '1.0.0',
            description: HELLO,
            dist: { tarball: 'x', shasum: 'x' },
          },
        },
      }),
    );
    crate(folder, work);
  } finally {
    rmSync(work, { recursive: true });
  }
}

function repository(folder: string, work: string): void {
  const git = (...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@example.com', ...args], {
      env: { ...process.env, GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_SYSTEM: '/dev/null' },
      stdio: 'pipe',
    });
  git('init', '-q', work);
  writeFileSync(join(work, 'hello.txt'), `${HELLO}\n`);
  git('-C', work, 'add', '.');
  git('-C', work, 'commit', '-q', '-m', 'first');
  const bare = join(folder, 'repo.git');
  git('clone', '-q', '--bare', work, bare);
  git('-C', bare, 'update-server-info');
}

function crate(folder: string, work: string): void {
  const inside = join(work, 'lone-1.0.0');
  mkdirSync(join(inside, 'src'), { recursive: true });
  writeFileSync(join(inside, 'Cargo.toml'), '[package]\nname = "lone"\nversion = "1.0.0"\n');
  writeFileSync(join(inside, 'src/lib.rs'), `// ${HELLO}\n`);
  const archive = join(folder, 'lone-1.0.0.crate');
  execFileSync('tar', ['-C', work, '-czf', archive, 'lone-1.0.0']);
  const cksum = createHash('sha256').update(readFileSync(archive)).digest('hex');
  const line = { name: 'lone', vers: '1.0.0', deps: [], cksum, features: {}, yanked: false };
  writeFileSync(join(folder, 'lone.json'), `${JSON.stringify(line)}\n`);
}
