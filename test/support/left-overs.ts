import { spawnSync } from 'node:child_process';
import { interfaceNames } from '../../docker/host/host-net.js';
import { projectRoot } from './engine.js';

/**
 * Runs `jobgate clean` and tells what of jobgate's is still on this machine after it: networks and containers of the
 * engine, interfaces, firewall rules. Synchronous: it runs while the test run ends.
 */
export function leftOvers(): string[] {
  const clean = spawnSync(process.execPath, [`${projectRoot}dist/src/cli.js`, 'clean'], { encoding: 'utf8' });
  const lines = (command: string, ...args: string[]) => {
    const run = spawnSync(command, args, { encoding: 'utf8' });
    return run.status === 0 ? run.stdout.split('\n').filter(Boolean) : [];
  };
  const ours = (line: string) => /jobgate-|JOBGATE-/.test(line);
  return [
    ...(clean.status === 0 ? [] : [`jobgate clean ended with ${clean.status}: ${clean.stderr.trim()}`]),
    ...lines('docker', 'network', 'ls', '--format', '{{.Name}}')
      .filter(ours)
      .map((name) => `network ${name}`),
    ...lines('docker', 'ps', '-a', '--format', '{{.Names}}')
      .filter(ours)
      .map((name) => `container ${name}`),
    ...interfaceNames()
      .filter((name) => /^jg|^jm-/.test(name))
      .map((name) => `interface ${name}`),
    ...['iptables-save', 'ip6tables-save'].flatMap((tool) =>
      lines(tool)
        .filter(ours)
        .map((rule) => `${tool}: ${rule}`),
    ),
  ];
}
