import { setTimeout as sleep } from 'node:timers/promises';
import { Command, Option } from 'commander';
import { listEntries } from '../client/entries.js';
import { type Summary, summary } from '../client/summary.js';
import { table } from '../client/table.js';
import { EXIT } from '../exit-codes.js';
import { trapSignals } from '../signals.js';
import { terminalJson } from '../terminal.js';
import { clientOf, clientOptions } from './client-options.js';
import { addOptions, type CommonFlags } from './common-options.js';

interface PsFlags extends CommonFlags {
  readonly all?: true;
  readonly watch?: true;
  readonly json?: true;
  readonly quiet?: true;
}

const WATCH_MS = 2_000;

export function psCommand(): Command {
  const command = new Command('ps').description(
    'Lists the jobs of a jobgate serve that runs: how fast each is now, what it took, what it was refused, and which\n' +
      'host mostly.',
  );
  addOptions(
    command,
    new Option('-a, --all', 'those that have ended as well, as far as serve remembers'),
    new Option('-w, --watch', 'again every two seconds, until Ctrl-C'),
    new Option('--json', 'a JSON array; bit/s and bytes'),
    new Option('-q, --quiet', 'ids alone'),
    ...clientOptions(),
  );
  return command.action(async (flags: PsFlags) => {
    const client = await clientOf(flags);
    const look = async () =>
      shown((await listEntries(client, { all: flags.all ?? false })).map(summary), flags);
    if (!flags.watch) {
      process.stdout.write(await look());
      return;
    }
    using signals = trapSignals();
    while (!signals.stop.aborted) {
      const text = await look();
      // Line by line over what is there: a screen that is cleared first flickers.
      process.stdout.write(process.stdout.isTTY ? `\x1b[H${text.replaceAll('\n', '\x1b[K\n')}\x1b[J` : text);
      await sleep(WATCH_MS, undefined, { signal: signals.stop }).catch(() => {});
    }
    process.exitCode = EXIT.ok;
  });
}

function shown(all: readonly Summary[], { json, quiet, watch }: PsFlags): string {
  if (json) return `${terminalJson(all, watch ? undefined : 2)}\n`;
  if (quiet) return all.map(({ job, gateway }) => `${gateway ?? job}\n`).join('');
  return table(all, { now: Date.now(), columns: process.stdout.columns });
}
