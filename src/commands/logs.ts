import { StringDecoder } from 'node:string_decoder';
import { Command, Option } from 'commander';
import { findEntry, listEntries } from '../client/entries.js';
import { UsageError } from '../errors.js';
import { EXIT } from '../exit-codes.js';
import { trapSignals } from '../signals.js';
import { visible } from '../visible.js';
import { clientOf, clientOptions } from './client-options.js';
import { addOptions, type CommonFlags } from './common-options.js';

interface LogsFlags extends CommonFlags {
  readonly follow?: true;
  readonly stream?: string;
  readonly raw?: true;
}

export function logsCommand(): Command {
  const command = new Command('logs')
    .description(
      'Prints the output of a job that serve runs itself (POST /v1/jobs), the last 1 MiB of it. On a terminal control\n' +
        'characters are shown (\\x1b) and not obeyed: a stranger wrote them.',
    )
    .argument('<id>', 'the job or execution, or what its id begins with');
  addOptions(
    command,
    new Option('-f, --follow', 'until the job ends'),
    new Option('--stream <name>', 'one of them alone').choices(['stdout', 'stderr']),
    new Option('--raw', 'as it is, on a terminal as well'),
    ...clientOptions(),
  );
  return command.action(async (id: string, flags: LogsFlags) => {
    const client = await clientOf(flags);
    const { job, run, gateway } = findEntry(await listEntries(client, { all: true }), id);
    if (!run) {
      const name = gateway?.containers[0]?.name;
      throw new UsageError(
        `${job}: serve does not run this job, and has no output of it: ask who does${name ? `, docker logs ${name}` : ''}`,
      );
    }
    const { follow, stream } = flags;
    using signals = trapSignals();
    try {
      const path = `/v1/jobs/${job}/logs`;
      const output = await client.open(path, { query: { follow, stream }, signal: signals.stop });
      const shows = process.stdout.isTTY && !flags.raw;
      const decoder = new StringDecoder('utf8');
      for await (const piece of output) {
        const more = process.stdout.write(shows ? visible(decoder.write(piece)) : piece);
        if (!more) await new Promise((resolve) => process.stdout.once('drain', resolve));
      }
    } catch (error) {
      if (!signals.stop.aborted) throw error;
      process.exitCode = EXIT.ok;
    }
  });
}
