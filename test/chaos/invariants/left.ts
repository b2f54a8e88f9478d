import { readdirSync, readlinkSync, statSync } from 'node:fs';
import { interfaceNames } from '../../../docker/host/host-net.js';
import { run } from '../../support/e2e.js';
import { leftOvers } from '../../support/left-overs.js';
import { commandOf } from '../serve-process.js';
import type { World } from '../world.js';
import type { Report } from './reached.js';

/** Networks of jobgate's that the engine has. */
export async function gatewayNetworks(): Promise<string[]> {
  const { stdout } = await run('docker', ['network', 'ls', '--format', '{{.Name}}'], { timeoutMs: 30_000 });
  return stdout.split('\n').filter((name) => name.startsWith('jobgate-'));
}

/** Nothing is left of jobs that are over: before the serves end, but for their accounts, and after it. */
export class Left {
  constructor(private readonly report: Report) {}

  /** Once all jobs are over, and the serves are still there. */
  async ofJobs(world: World): Promise<void> {
    this.#say('networks', await gatewayNetworks());
    const { stdout } = await run('docker', ['ps', '-a', '--format', '{{.Names}}']);
    this.#say(
      'containers',
      stdout.split('\n').filter((name) => /^(jobgate-|chaos-\w\d-)/.test(name)),
    );
    this.#say(
      'interfaces',
      interfaceNames().filter((name) => /^jg[-c]|^jm-/.test(name)),
    );
    const rules = (await run('iptables-save', [])).stdout
      .split('\n')
      .filter((line) => line.startsWith('-A JOBGATE-PORTS'));
    this.#say('rules of gateways', rules);
    this.#say(
      'files',
      filesBelow(world.serve.state).filter((file) => !file.includes('/accounts/')),
    );
  }

  /** Once the serves are over as well. */
  ofAll(world: World): void {
    this.#say(
      'processes',
      processesHere().filter((line) => line.includes('/dist/')),
    );
    const { cgroup, socket, gateSocket } = world.serve;
    this.#say(
      'processes of serve',
      cgroup.members.map((pid) => `${pid} ${commandOf(pid)}`),
    );
    this.#say(
      'sockets',
      [socket, gateSocket].filter((path) => statSync(path, { throwIfNoEntry: false })),
    );
    // The lock-down stays by design, until jobgate clean.
    // The small internet is still there.
    const { device } = world.net;
    this.#say(
      'after jobgate clean',
      leftOvers().filter((line) => line !== `interface ${device}`),
    );
  }

  #say(what: string, left: readonly string[]): void {
    if (left.length > 0) this.report(`left: ${what}: ${left.join(', ')}`);
  }
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => `${entry.parentPath}/${entry.name}`);
}

/** Of this network namespace. */
function processesHere(): string[] {
  const here = readlinkSync('/proc/self/ns/net');
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) => {
      try {
        return readlinkSync(`/proc/${pid}/ns/net`) === here;
      } catch {
        return false;
      }
    })
    .map((pid) => `${pid} ${commandOf(Number(pid))}`);
}
