import { Argument, Command } from 'commander';
import { ID_PATTERN } from '../../admission/job.js';
import { type Completed, completion, SHELLS, type Shell } from '../client/completion.js';
import { listEntries } from '../client/entries.js';
import { clientOf } from './client-options.js';

/** Time that a person waits for ids, ms. */
const IDS_MS = 1_000;

/** @param commands all of the command line, with their options; none of one that is not to be completed */
export function completionCommand(commands: () => Promise<readonly Command[]>): Command {
  return new Command('completion')
    .description(
      'Prints a script that completes commands, options and ids of jobs in a shell:\n' +
        '  eval "$(jobgate completion bash)"    source <(jobgate completion zsh)    jobgate completion fish | source',
    )
    .addArgument(new Argument('<shell>', 'of which shell').choices([...SHELLS, 'ids']))
    .action(async (shell: Shell | 'ids') => {
      if (shell === 'ids') process.stdout.write(await ids());
      else process.stdout.write(completion(shell, (await commands()).map(completed)));
    });
}

function completed(command: Command): Completed {
  return {
    name: command.name(),
    summary: command.summary(),
    options: command.options
      .filter(({ hidden }) => !hidden)
      .flatMap(({ long, description }) =>
        long ? [{ long, summary: description.split(/[:;]/)[0] ?? '' }] : [],
      ),
    takesId: command.registeredArguments[0]?.name() === 'id',
  };
}

/** Of what runs and has ended; nothing where no serve answers, or not at once. */
async function ids(): Promise<string> {
  const none = new Promise<[]>((resolve) => setTimeout(resolve, IDS_MS, []).unref());
  const entries = await Promise.race([clientOf({ config: [] }).then(listAll), none]).catch(() => []);
  const all = entries.flatMap(({ job, execution }) => [job, ...(execution === undefined ? [] : [execution])]);
  // A shell reads them: whoever answers at the address of serve is not asked what else may stand there.
  const safe = all.filter((one) => ID_PATTERN.test(one));
  return [...new Set(safe)].map((one) => `${one}\n`).join('');
}

const listAll = (client: Parameters<typeof listEntries>[0]) => listEntries(client, { all: true });
