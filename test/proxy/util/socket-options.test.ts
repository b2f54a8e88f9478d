import { spawnSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { projectRoot } from '../../support/engine.js';

const old = process.versions.v8.startsWith('11.');

it.runIf(old)('sockets of Node 20 are made in a fraction of the time once that is prepared', () => {
  const script = `
    import net from 'node:net';
    import { prepareSockets } from './proxy/util/socket-options.ts';
    function cpu() {
      const from = process.cpuUsage();
      for (let i = 0; i < 5_000; i++) new net.Socket({ allowHalfOpen: true, readableHighWaterMark: 16_384 });
      return process.cpuUsage(from).user;
    }
    cpu();
    const before = cpu();
    prepareSockets();
    cpu();
    process.stdout.write(JSON.stringify({ before, after: cpu() }));
  `;
  const { stdout } = spawnSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
    cwd: projectRoot,
    encoding: 'utf8',
  });
  const { before, after } = JSON.parse(stdout);
  // From 9 µs to 0.8 as a rule.
  expect(after).toBeLessThan(before / 3);
});
