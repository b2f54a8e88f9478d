import { Option } from 'commander';
import { UsageError } from '../errors.js';

/** Options of `docker run` that people give by habit. */
export interface Mistakes {
  readonly tty?: true;
  readonly detach?: true;
  readonly publish?: string;
  readonly privileged?: true;
}

/** They are taken, so that what is said of them is more than that they are not known. */
export function mistakes(): Option[] {
  return [
    new Option('-t, --tty'),
    new Option('-d, --detach'),
    new Option('-p, --publish <ports>'),
    new Option('--privileged'),
    // A job leaves nothing behind in any case.
    new Option('--rm'),
  ].map((option) => option.hideHelp());
}

/** @throws UsageError that says what to do instead. */
export function explain({ tty, detach, publish, privileged }: Mistakes): void {
  if (tty) throw new UsageError('-t: jobs have no terminal: use -i');
  if (detach) throw new UsageError('-d: run waits for its job: jobgate serve runs jobs in the background');
  if (publish !== undefined) throw new UsageError('-p: nobody reaches a job: it can only ask');
  if (privileged)
    throw new UsageError('--privileged: a job that may do everything cannot be held to its domains');
}
