import { Command, Option } from 'commander';
import { findEntry, type GatewayView, listEntries } from '../client/entries.js';
import { UsageError } from '../errors.js';
import { tell } from '../terminal.js';
import { clientOf, clientOptions } from './client-options.js';
import { addOptions, type CommonFlags } from './common-options.js';

interface Changed extends GatewayView {
  readonly cut: number;
  readonly kept: boolean;
}

export function allowCommand(): Command {
  const command = new Command('allow')
    .description(
      'Lets a running job reach more domains. Admission is asked as for a new job. Once it is said, it holds; what\n' +
        'was denied to the job before is allowed again.',
    )
    .argument('<id>', ID)
    .argument('<domain...>', 'example.com, .example.com and all below it, or host:port');
  addOptions(
    command,
    new Option('--expires <time>', 'for so long: 30m, 2h; or until 2030-01-31T12:00:00Z'),
    ...clientOptions(),
  );
  return command.action(async (id: string, domains: string[], flags: CommonFlags & { expires?: string }) => {
    const { expires } = flags;
    const allow = domains.map((domain) => (expires === undefined ? domain : { domain, expires }));
    await change(id, { allow }, flags, `may reach ${domains.join(', ')}${expires ? `, for ${expires}` : ''}`);
  });
}

export function denyCommand(): Command {
  const command = new Command('deny')
    .description('Refuses hosts to a running job, and cuts its connections to them before it is said.')
    .argument('<id>', ID)
    .argument('<host...>', 'example.com, .example.com and all below it, or host:port');
  addOptions(command, ...clientOptions());
  return command.action((id: string, hosts: string[], flags: CommonFlags) =>
    change(id, { deny: hosts }, flags, `is refused ${hosts.join(', ')}`),
  );
}

const ID = 'a job, execution or gateway, or what its id begins with';

async function change(id: string, body: object, flags: CommonFlags, what: string): Promise<void> {
  const client = await clientOf(flags);
  const { gateway, job } = findEntry(await listEntries(client), id);
  if (!gateway) throw new UsageError(`${job} has no gateway: it is on another network than http`);
  // What is added to or taken from a policy is the same whatever that is by now.
  const headers = { 'If-Match': '*' };
  const { cut, kept } = await client.ask<Changed>(`/v1/gateways/${gateway.id}`, {
    ...{ method: 'PATCH', body, headers },
  });
  const cuts = cut > 0 ? `; ${cut} ${cut === 1 ? 'connection was' : 'connections were'} cut` : '';
  tell(`${job} ${what}${cuts}\n`, process.stdout);
  if (!kept)
    tell('jobgate: this holds until serve ends: it has no folder to keep it in (--state-directory)\n');
}
