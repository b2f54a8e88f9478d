/**
 * The main job of jobgate, shown: a job in a container with one allowed domain, what it tries, and what happened.
 * Everything is on this machine: the engine, the image, the origins. Ends with 1 if anything isn't as it should be.
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buildJobImage, ensureEngine, projectRoot, SetupError } from '../support/engine.js';
import { type Internet, startInternet } from '../support/internet.js';
import {
  type Attempt,
  attempts,
  type HostService,
  type Outcome,
  parseOutcomes,
  prelude,
} from './attempts.js';
import { printTable, type Row } from './table.js';

const image = 'jobgate-demo:local';
const cli = `${projectRoot}dist/src/cli.js`;
const children = new Set<ChildProcess>();
let interrupted: NodeJS.Signals | undefined;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    interrupted = signal;
    for (const child of children) child.kill(signal);
  });
}

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function jobgate(args: readonly string[], env: Record<string, string> = {}): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [cli, ...args], {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    children.add(child);
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk) => {
      stdout += chunk;
    });
    child.stderr.on('data', (chunk) => {
      stderr += chunk;
    });
    child.once('error', reject);
    child.once('close', (code) => {
      children.delete(child);
      if (interrupted) reject(new Error(`interrupted by ${interrupted}`));
      else resolve({ code, stdout, stderr });
    });
  });
}

/** A service of this machine that means no harm and shouldn't be seen by a job: on all addresses, IPv4 and IPv6. */
async function startHostService(): Promise<HostService & AsyncDisposable> {
  const server = createServer((_, response) => response.end('a service of this machine\n'));
  await new Promise<void>((done, fail) => server.once('error', fail).listen(0, done));
  // Also of interfaces that are down, as docker0 is without containers.
  const addresses = execFileSync('ip', ['-4', '-o', 'addr'], { encoding: 'utf8' })
    .split('\n')
    .map((line) => /^\d+: (\S+) +inet ([\d.]+)/.exec(line))
    .flatMap((found) => (found?.[1]?.match(/^(?!lo$|jgt-|jg-)/) && found[2] ? [found[2]] : []));
  return {
    addresses,
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}

interface Run {
  readonly outcomes: Map<string, Outcome>;
  readonly datagrams: ReadonlySet<number>;
  readonly stderr: string;
}

async function tryAll(net: Internet, list: readonly Attempt[], network: readonly string[]): Promise<Run> {
  await net.forget();
  const resolve = Object.entries(net.addresses)
    .flatMap(([name, address]) => [443, 80].map((port) => `--resolve ${name}:${port}:${address}`))
    .join(' ');
  const script = [prelude, ...list.map(({ command }, i) => command.replaceAll('ID', `${i}`))].join('\n');
  // The names are known to curl beforehand, so that an attempt around the proxy is not stopped by the missing DNS alone.
  const env = { CA_PEM: net.caPem, RESOLVE: resolve };
  const quiet = ['--pull', 'never', '--timeout', '2m'];
  const args = ['run', ...network, ...quiet, '-e', 'CA_PEM', '-e', 'RESOLVE', image];
  const { code, stdout, stderr } = await jobgate([...args, 'bash', '-c', script], env);
  if (code !== 0) throw new Error(`jobgate run ended with ${code}:\n${stderr}`);
  const datagrams = new Set(
    (await net.seen()).filter(({ kind }) => kind === 'datagram').map(({ port }) => port),
  );
  return { outcomes: parseOutcomes(stdout), datagrams, stderr };
}

function judge(attempt: Attempt, id: string, job: Run, control: Run): Row {
  const mine = job.outcomes.get(id);
  const other = control.outcomes.get(id);
  const { datagramTo: port } = attempt;
  if (port !== undefined) {
    const arrived = job.datagrams.has(port);
    const right = mine !== undefined && !arrived && control.datagrams.has(port);
    const say = (came: boolean) => (came ? 'arrived' : 'nothing arrived');
    return { ...attempt, ordinary: say(control.datagrams.has(port)), job: say(arrived), right };
  }
  const controlled = attempt.control === false || other?.status === 200;
  return {
    ...attempt,
    ordinary: attempt.control === false || !other ? '' : attempt.show(other),
    job: mine ? attempt.show(mine) : 'it was not tried',
    right: mine !== undefined && attempt.right(mine) && controlled,
  };
}

const hasRules = () => {
  try {
    return execFileSync('iptables-save', { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).includes(
      'JOBGATE',
    );
  } catch {
    return false;
  }
};

async function demo(): Promise<boolean> {
  const engine = ensureEngine({ onSignal: 'nothing' });
  const hadRules = hasRules();
  try {
    buildJobImage([], image);
    await using net = await startInternet({
      hosts: {
        'example.com': { services: { 80: 'http', 443: 'https', 53: 'udp' } },
        'api.example.com': { at: 'example.com' },
        'notexample.com': {},
      },
    });
    net.dnsServer.set('inside.example.com', ['10.11.12.13']);
    await using service = await startHostService();
    const list = attempts(net, service);
    const network = ['--domain', '.example.com', '--dns', net.dns];
    console.log(`\njobgate run ${network.join(' ')} ${image} …`);
    console.log(
      'The job is hostile and tries, beside the proxy that it was given, every other way it knows.',
    );
    console.log(
      `example.com is ${net.addresses['example.com']} here: an origin of this demo, as is everything else.\n`,
    );
    const controlList = list.map((attempt) =>
      attempt.control === false ? { ...attempt, command: '' } : attempt,
    );
    const control = await tryAll(net, controlList, ['--network', 'bridge']);
    const job = await tryAll(net, list, network);
    const rows = list.map((attempt, i) => judge(attempt, `${i}`, job, control));
    printTable(rows);
    // What came before is not of the end.
    const lines = job.stderr.split('\n').filter(Boolean);
    const summary = lines.slice(lines.findIndex((line) => line.startsWith('jobgate refused:')));
    console.log(`\nWhat jobgate run said at the end:\n\n${summary.map((line) => `  ${line}`).join('\n')}`);
    const wrong = rows.filter(({ right }) => !right);
    console.log(
      wrong.length === 0
        ? `\nAll ${rows.length} as they should be.`
        : `\n${wrong.length} of ${rows.length} NOT as they should be.`,
    );
    return wrong.length === 0;
  } finally {
    if (!hadRules) await jobgate(['clean']).catch(() => {});
    if (!engine.started) spawnSync('docker', ['rmi', '--force', image], { stdio: 'ignore' });
    engine.stop();
  }
}

try {
  process.exitCode = (await demo()) ? 0 : 1;
} catch (error) {
  console.error(`demo: ${error instanceof SetupError || interrupted ? (error as Error).message : error}`);
  process.exitCode = 1;
}
