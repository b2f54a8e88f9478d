import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeE2e } from '../support/e2e.js';
import { JOB_IMAGE, projectRoot } from '../support/engine.js';

// What it imports is what the tarball has.
describeE2e('examples/library.ts with the tarball, in an empty TypeScript project', () => {
  let dir: string;
  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), 'jobgate-library-'));
  });
  afterAll(() => rmSync(dir, { recursive: true }));

  it('type-checks, opens a gateway with `await using`, and has a request decided', () => {
    const run = (command: string, ...args: string[]) =>
      execFileSync(command, args, { cwd: dir, encoding: 'utf8' });
    const packed = execFileSync('npm', ['pack', '--ignore-scripts', '--silent', '--pack-destination', dir], {
      cwd: projectRoot,
      encoding: 'utf8',
    });
    mkdirSync(join(dir, 'src'));
    writeFileSync(
      join(dir, 'package.json'),
      JSON.stringify({ name: 'consumer', version: '1.0.0', type: 'module' }),
    );
    writeFileSync(
      join(dir, 'tsconfig.json'),
      JSON.stringify({
        compilerOptions: {
          strict: true,
          target: 'es2022',
          lib: ['es2022', 'esnext.disposable'],
          module: 'nodenext',
          types: ['node'],
          skipLibCheck: false,
          rootDir: 'src',
          outDir: 'dist',
        },
        include: ['src'],
      }),
    );
    copyFileSync(join(projectRoot, 'examples/library.ts'), join(dir, 'src/main.ts'));
    // Offline: it needs no other package.
    run('npm', 'install', '--silent', '--no-audit', '--no-fund', '--offline', join(dir, packed.trim()));
    // But for whoever compiles, the types of Node; this project's.
    mkdirSync(join(dir, 'node_modules/@types'));
    symlinkSync(join(projectRoot, 'node_modules/@types/node'), join(dir, 'node_modules/@types/node'));
    run(join(projectRoot, 'node_modules/.bin/tsc'), '-p', '.');
    const job = 'test "$(curl -s -o /dev/null -w "%{http_code}" http://other.example/)" = 403 && exit 5';
    const ran = spawnSync(
      process.execPath,
      ['dist/main.js', 'allowed.example', JOB_IMAGE, 'bash', '-c', job],
      { cwd: dir, encoding: 'utf8' },
    );
    expect(ran.status, ran.stderr).toBe(5);
    const events = ran.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(events).toMatchObject([
      { type: 'decision', decision: 'deny', reason: 'domain-not-allowed', host: 'other.example' },
    ]);
  });
});
