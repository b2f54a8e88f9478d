import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import {
  buildGatewayImage,
  buildJobImage,
  ensureEngine,
  projectRoot,
  SetupError,
  type TestEngine,
} from '../support/engine.js';
import { leftOvers } from '../support/left-overs.js';

/** What the end-to-end tests call inside a container; node is always here, the others where the machine has them. */
const programs = ['node', 'python3', 'wget'];

let engine: TestEngine | undefined;

let skipped: string | undefined;

/** Said before the tests and again after them, where it is read. */
function sayThatSkipped(): void {
  const bar = '!'.repeat(100);
  process.stderr.write(`\n${bar}\n!!  THE END-TO-END TESTS ARE SKIPPED\n!!  ${skipped}\n${bar}\n\n`);
}

/** `npm test` builds first; a bare `vitest` would test what was built last time. */
function buildIfStale(): void {
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

export function setup(): void {
  skipped = whatIsMissing();
  if (!skipped) return;
  if (process.env.CI) throw new Error(`the end-to-end tests cannot run, and CI is set: ${skipped}`);
  process.env.JOBGATE_E2E = 'skip';
  sayThatSkipped();
}

/** Undefined once engine, build and image are there; else why they can't be had. */
function whatIsMissing(): string | undefined {
  if (process.env.JOBGATE_E2E === 'skip') return 'JOBGATE_E2E=skip is set.';
  if (process.platform !== 'linux' || process.getuid?.() !== 0) {
    return 'They need root on Linux: network namespaces, firewall rules and a Docker engine.';
  }
  try {
    engine = ensureEngine();
    buildIfStale();
    buildJobImage(programs);
    buildGatewayImage();
    return undefined;
  } catch (error) {
    engine?.stop();
    if (error instanceof SetupError) return error.message;
    throw error;
  }
}

export function teardown(): void {
  // Somebody else's engine may have jobs of somebody else.
  const left = engine?.started ? leftOvers() : [];
  engine?.stop();
  if (left.length > 0) {
    process.exitCode = 1;
    throw new Error(`left behind by the tests, after jobgate clean:\n  ${left.join('\n  ')}`);
  }
  if (skipped) sayThatSkipped();
}
