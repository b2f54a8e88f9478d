import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeE2e } from '../support/e2e.js';
import { JOB_IMAGE, projectRoot } from '../support/engine.js';

// A stranger's project: what it imports is what the tarball has.
const PROGRAM = `
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { DEFAULT_OPERATOR_POLICY, type Gateway, hostGateways, openEngine, openOwner, type ProxyEvent, sweep } from 'jobgate';

const events: ProxyEvent[] = [];
const engine = await openEngine();
await using owner = await openOwner('run');
await sweep(engine.docker);
const open = hostGateways();
{
  await using gateway: Gateway = await open({
    engine,
    owner,
    policy: {
      job: { job: 'library-test', allow: ['allowed.example'], rate: 10_000_000 },
      operator: DEFAULT_OPERATOR_POLICY,
    },
    onEvent: (event) => events.push(event),
  });
  // The daemon's own way to start a container; here the docker CLI.
  const args = ['run', '--rm', '--network', gateway.network.name, '${JOB_IMAGE}'];
  const curl = ['curl', '-s', '-o', '/dev/null', '-w', '%{http_code}', '-x', gateway.proxy.url, 'http://other.example/'];
  const { stdout } = await promisify(execFile)('docker', [...args, ...curl]);
  const status = Number(stdout);
  console.log(JSON.stringify({ status, subnet: gateway.network.subnet }));
}
const decision = events.find((event) => event.type === 'decision');
console.log(JSON.stringify({ decision: decision?.type === 'decision' && decision.decision, reason: decision?.reason }));
`;

describeE2e('the library, from its tarball, in an empty TypeScript project', () => {
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
    writeFileSync(join(dir, 'src/main.ts'), PROGRAM);
    // Offline: it needs no other package.
    run('npm', 'install', '--silent', '--no-audit', '--no-fund', '--offline', join(dir, packed.trim()));
    // But for whoever compiles, the types of Node; this project's.
    mkdirSync(join(dir, 'node_modules/@types'));
    symlinkSync(join(projectRoot, 'node_modules/@types/node'), join(dir, 'node_modules/@types/node'));
    run(join(projectRoot, 'node_modules/.bin/tsc'), '-p', '.');
    const [first, second] = run(process.execPath, 'dist/main.js')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(first.status).toBe(403);
    expect(second).toEqual({ decision: 'deny', reason: 'domain-not-allowed' });
  });
});
