/**
 * A proxy in a process of its own: prints its port, and ends with its standard input. `allowed.test` is 127.0.0.1,
 * with the ports that are given.
 */
import { startProxy } from './proxy.js';

const proxy = await startProxy({
  allow: ['allowed.test', ...process.argv.slice(2).map((port) => `allowed.test:${port}`)],
  limits: { connectionsPerSecond: 100_000 },
});
process.stdout.write(`${proxy.port}\n`);
process.stdin.resume();
process.stdin.on('end', () => void proxy.proxy.close());
