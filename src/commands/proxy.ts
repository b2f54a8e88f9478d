import { randomBytes } from 'node:crypto';
import { Command, Option } from 'commander';
import { GatewayError } from '../../docker/engine/errors.js';
import { createEgressProxy, type EgressProxy } from '../../proxy/egress-proxy.js';
import { Allowlist, AllowlistError } from '../../proxy/policy/allowlist.js';
import { parseCidr } from '../../proxy/policy/cidr-port.js';
import { loadConfig } from '../config/load.js';
import { tellNotes } from '../config/read/notes.js';
import { UsageError } from '../errors.js';
import { signalExit } from '../exit-codes.js';
import { createLogger } from '../logging.js';
import { sayWaiting, trapSignals, whenAborted } from '../signals.js';
import { formatSocketAddress, isLoopback, parseSocketAddress } from '../socket-address.js';
import {
  addOptions,
  budgetOf,
  budgetOption,
  type CommonFlags,
  configOptions,
  egressOptions,
} from './common-options.js';
import { checkJobId } from './job-options.js';
import { repeatable } from './setting-options.js';

interface ProxyFlags extends CommonFlags {
  readonly domain: string[];
  readonly listen: string;
  readonly allowClient: string[];
  readonly jobId?: string;
  readonly budget?: string;
}

/** Time that open tunnels have after SIGTERM, ms. */
const DRAIN_MS = 10_000;

export function proxyCommand(): Command {
  const command = new Command('proxy')
    .description(
      'Listens as an HTTP(S) proxy that reaches the given domains only. Prints "listening http://HOST:PORT" once it\n' +
        'accepts. SIGTERM lets open connections finish for 10 s; a second signal ends them.',
    )
    .addHelpText(
      'after',
      `
Examples:
  jobgate proxy --domain .example.com
  jobgate proxy --domain example.com --listen 192.0.2.10:3128 --allow-client 192.0.2.0/24
  curl -x http://127.0.0.1:3128 https://example.com`,
    );
  addOptions(
    command,
    repeatable('--domain <domain>', 'example.com, .example.com and all below it, or host:port'),
    new Option('--listen <addr:port>', 'address to listen on').default('127.0.0.1:3128'),
    repeatable('--allow-client <cidr>', 'who may use it; needed beyond loopback'),
    new Option('--job-id <id>', 'id for logs and the job header; a random one if absent'),
    budgetOption(),
    ...egressOptions(),
    ...configOptions(),
  );
  return command.action(async (flags: ProxyFlags) => {
    process.exitCode = await proxy(flags);
  });
}

async function proxy(flags: ProxyFlags): Promise<number> {
  const config = await loadConfig({ flags, env: process.env });
  const { host, port } = listenAddress(flags.listen);
  const clients = allowedClients(host, flags);
  if (flags.domain.length === 0)
    throw new UsageError('no --domain: a proxy that reaches nothing; name the domains it may reach');
  const job = flags.jobId ?? `proxy-${randomBytes(6).toString('hex')}`;
  checkJobId(job);
  const logger = createLogger(config.log);
  tellNotes(config, logger);
  warnAbout(flags.domain, config.operator.allowPorts, (warning) => logger.warn(warning));

  using signals = trapSignals();
  sayWaiting(signals, 'open connections have 10 s to finish');
  await using egress = createEgressProxy(
    {
      job: { job, allow: flags.domain, rate: config.rate, budget: budgetOf(flags.budget) },
      operator: config.operator,
    },
    { logger },
  );
  const bound = await listen(egress, { host, port, clients });
  process.stdout.write(`listening http://${formatSocketAddress(bound)}\n`);
  await whenAborted(signals.stop);
  await Promise.race([egress.drain(DRAIN_MS), whenAborted(signals.kill)]);
  return signals.received === 'SIGTERM' ? 0 : signalExit(signals.received ?? 'SIGTERM');
}

function listenAddress(text: string): { host: string; port: number } {
  const address = parseSocketAddress(text);
  if (address) return address;
  throw new UsageError(`--listen ${text}: write an IP address and a port: 127.0.0.1:3128, [::1]:3128`);
}

// Whoever reaches an open proxy uses it: beyond loopback somebody must say who may.
function allowedClients(host: string, flags: ProxyFlags): string[] {
  for (const cidr of flags.allowClient) {
    const parsed = parseCidr(cidr);
    if (!parsed.ok) throw new UsageError(`--allow-client ${cidr}: ${parsed.problem}`);
  }
  if (!isLoopback(host) && flags.allowClient.length === 0) {
    throw new UsageError(
      `--listen ${flags.listen} is not loopback: say who may use the proxy with --allow-client CIDR`,
    );
  }
  return flags.allowClient.length > 0 ? flags.allowClient : ['127.0.0.0/8', '::1/128'];
}

function warnAbout(
  domains: readonly string[],
  allowPorts: readonly number[],
  say: (warning: string) => void,
): void {
  try {
    for (const warning of Allowlist.parse(domains, { allowPorts }).warnings) say(`--domain ${warning}`);
  } catch (error) {
    if (error instanceof AllowlistError) throw new UsageError(`--domain ${error.message}`);
    throw error;
  }
}

async function listen(
  egress: EgressProxy,
  at: { host: string; port: number; clients: string[] },
): Promise<{ host: string; port: number }> {
  try {
    return await egress.listen(at);
  } catch (error) {
    throw cannotListen(error as NodeJS.ErrnoException, formatSocketAddress(at));
  }
}

/** The command line is right, and this machine does not let us: no usage error. */
function cannotListen({ code, message }: NodeJS.ErrnoException, at: string): GatewayError {
  const problems: Readonly<Record<string, string>> = {
    EADDRINUSE: 'another program listens there; choose another port, or 0 for any',
    EADDRNOTAVAIL: 'not an address of this machine: ip address shows those',
    EAFNOSUPPORT: 'this machine has no IPv6; choose an IPv4 address',
    EACCES: 'no privilege for this port: choose one from 1024 on, or give CAP_NET_BIND_SERVICE',
  };
  return new GatewayError(`--listen ${at}: ${problems[code ?? ''] ?? message}`);
}
