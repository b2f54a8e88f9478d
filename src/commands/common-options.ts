import { type Command, Option } from 'commander';
import { LOG_FORMATS, LOG_LEVELS } from '../logging.js';
import { collect } from './job-options.js';

/** Options common to the commands that open an egress proxy. Each beats the environment and the file. */
export interface CommonFlags {
  readonly config?: string;
  readonly rate?: string;
  readonly dns?: string;
  readonly addHost: string[];
  readonly allowAddress: string[];
  readonly allowPort: string[];
  readonly deny: string[];
  readonly upstream?: string;
  readonly gatewayPort?: string;
  readonly logLevel?: string;
  readonly logFormat?: string;
}

export function configOptions(): Option[] {
  return [
    new Option('--config <file>', 'configuration, YAML'),
    new Option('--log-level <level>', `what goes to stderr: ${LOG_LEVELS.join(', ')}`).choices(LOG_LEVELS),
    new Option('--log-format <format>', 'pretty or json').choices(LOG_FORMATS),
  ];
}

export function egressOptions(): Option[] {
  return [
    new Option(
      '--rate <rate>',
      'limit for each direction, over all connections of the job: 10mbit, 500kbit, unlimited (default: 10mbit)',
    ),
    new Option(
      '--dns <addr>',
      'DNS server of the proxy, ADDR[:PORT], or system (default: those of /etc/resolv.conf)',
    ),
    repeatable(
      '--add-host <name:ip>',
      "an answer of the proxy's resolver, judged like any; not put into the container; repeatable",
    ),
    repeatable('--allow-address <cidr[:port]>', 'let jobs reach addresses that are not public; repeatable'),
    repeatable('--allow-port <port>', 'a port below 1024 that a --domain may name; repeatable'),
    repeatable(
      '--deny <host[:port]>',
      'no job reaches this host, nor the addresses it resolves to; repeatable',
    ),
    new Option('--upstream <url>', 'leave through this proxy: http://…, socks5://…, socks5h://…'),
  ];
}

export function gatewayPortOption(): Option {
  return new Option(
    '--gateway-port <port>',
    'port of the gateways on their bridges, one for the whole host (default: 13128)',
  );
}

export function repeatable(flags: string, description: string): Option {
  return new Option(flags, description).argParser(collect).default([], 'none');
}

export function addOptions(command: Command, ...options: readonly Option[]): Command {
  for (const option of options) command.addOption(option);
  return command;
}
