import { Command, Option } from 'commander';
import { findEntry, hasEnded, listEntries, nameOf } from '../client/entries.js';
import { UsageError } from '../errors.js';
import { tell } from '../terminal.js';
import { clientOf, clientOptions } from './client-options.js';
import { addOptions, type CommonFlags } from './common-options.js';

export function closeCommand(): Command {
  const command = new Command('close')
    .description(
      'Closes the gateways of jobs, which reach nothing from then on. A job that serve runs itself is stopped as by\n' +
        'docker stop.',
    )
    .argument('<id...>', 'jobs, executions or gateways, or what their ids begin with');
  addOptions(
    command,
    new Option('--drain <time>', 'let open connections finish first, for so long: 10s'),
    ...clientOptions(),
  );
  return command.action(async (ids: string[], flags: CommonFlags & { readonly drain?: string }) => {
    const client = await clientOf(flags);
    const entries = await listEntries(client, { all: true });
    // All are known before one is closed.
    const found = new Set(ids.map((id) => findEntry(entries, id)));
    for (const entry of found) {
      if (hasEnded(entry)) throw new UsageError(`${nameOf(entry)} has ended already`);
    }
    for (const { job, gateway, run } of found) {
      if (run) await client.ask(`/v1/jobs/${job}`, { method: 'DELETE' });
      else
        await client.ask(`/v1/gateways/${gateway?.id}`, { method: 'DELETE', query: { drain: flags.drain } });
      tell(`${job}: closed\n`, process.stdout);
    }
  });
}
