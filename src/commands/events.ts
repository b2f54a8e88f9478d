import { Command, Option } from 'commander';
import { findEntry, listEntries } from '../client/entries.js';
import { eventLine, type ToldEvent } from '../client/event-line.js';
import { eventStream } from '../client/event-stream.js';
import { EXIT } from '../exit-codes.js';
import { trapSignals } from '../signals.js';
import { tell, terminalJson } from '../terminal.js';
import { clientOf, clientOptions } from './client-options.js';
import { addOptions, type CommonFlags } from './common-options.js';

interface EventsFlags extends CommonFlags {
  readonly since?: string;
  readonly types?: string;
  readonly follow: boolean;
  readonly json?: true;
}

export function eventsCommand(): Command {
  const command = new Command('events')
    .description('Tells what happens at a jobgate serve, until Ctrl-C: decisions, gateways, jobs, admission.')
    .argument('[id]', 'of this job, execution or gateway, or what its id begins with');
  addOptions(
    command,
    new Option('--since <time>', 'first what serve remembers since then: 10m ago, or 2030-01-31T12:00:00Z'),
    new Option('--no-follow', 'end after that'),
    new Option('--types <types>', 'of decision,closed,gateway,job,admission'),
    new Option('--json', 'a line of JSON each'),
    ...clientOptions(),
  );
  return command.action(async (id: string | undefined, flags: EventsFlags) => {
    const client = await clientOf(flags);
    // One that has ended may have events that are remembered.
    const entry = id === undefined ? undefined : findEntry(await listEntries(client, { all: true }), id);
    const { since, types, follow } = flags;
    using signals = trapSignals();
    try {
      const stream = await client.open('/v1/events', {
        // Of a job that serve runs itself what comes before its gateway as well.
        query: {
          ...(entry?.run || !entry?.gateway ? { job: entry?.job } : { gateway: entry.gateway.id }),
          since,
          types,
          follow,
        },
        signal: signals.stop,
      });
      for await (const data of eventStream(stream)) {
        const event = JSON.parse(data) as ToldEvent;
        process.stdout.write(`${flags.json ? terminalJson(event) : eventLine(event)}\n`);
      }
      if (!follow) return;
      tell('jobgate: serve has ended\n');
      process.exitCode = EXIT.failed;
    } catch (error) {
      if (!signals.stop.aborted) throw error;
      process.exitCode = EXIT.ok;
    }
  });
}
