import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** The project in a folder of its own, with other contents of some files. */
export class Copy implements Disposable {
  readonly root = mkdtempSync(join(tmpdir(), 'jobgate-mutation-'));
  /** For temporary files of tests: those that are killed leave some. */
  readonly tmp = join(this.root, 'tmp');

  constructor(project: string, contents: ReadonlyMap<string, string>) {
    const listed = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
      cwd: project,
      encoding: 'utf8',
      maxBuffer: 64_000_000,
    });
    const keep = { preserveTimestamps: true, recursive: true };
    for (const file of [...listed.split('\0').filter(Boolean), 'dist']) {
      if (!existsSync(join(project, file))) continue;
      mkdirSync(dirname(join(this.root, file)), { recursive: true });
      cpSync(join(project, file), join(this.root, file), keep);
    }
    // Some tests run programs of it as another user.
    chmodSync(this.root, 0o755);
    mkdirSync(this.tmp);
    chmodSync(this.tmp, 0o1777);
    symlinkSync(join(project, 'node_modules'), join(this.root, 'node_modules'));
    for (const [file, content] of contents) {
      const { mtime } = statSync(join(project, file));
      writeFileSync(join(this.root, file), content);
      // dist/ stays as it is: what is older than that is not built.
      utimesSync(join(this.root, file), mtime, mtime);
    }
  }

  [Symbol.dispose](): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}
