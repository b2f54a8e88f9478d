#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { AdmissionConfigError } from '../admission/config.js';
import { CommandError } from '../docker/container.js';
import { GatewayError } from '../docker/errors.js';
import { checkCommand } from './commands/check.js';
import { cleanCommand } from './commands/clean.js';
import { doctorCommand } from './commands/doctor.js';
import { lockdownCommand } from './commands/lockdown.js';
import { proxyCommand } from './commands/proxy.js';
import { runCommand } from './commands/run.js';
import { serveCommand } from './commands/serve.js';
import { AdmissionRefused, UsageError } from './errors.js';
import { EXIT } from './exit-codes.js';
import { tell } from './terminal.js';

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));

const program = inherit(new Command('jobgate'))
  .description(
    'Network enforcement for the jobs of a compute node: decides whether a job may run here, and gives it one way\n' +
      'out: a proxy that lets it reach its domains only, at 10 Mbit/s in each direction.',
  )
  .version(version)
  .enablePositionalOptions()
  .addHelpText(
    'after',
    `
Examples:
  jobgate run --domain .example.com alpine:3.20 wget -qO- https://www.example.com
  jobgate run --job fetch.yaml
  jobgate proxy --domain example.com --listen 127.0.0.1:3128
  jobgate doctor

Exit codes: the job's own; 124 timed out; 128+n ended by signal n; 125 jobgate or the engine failed;
77 this node does not accept the job; 64 the command line, the job file or the configuration is not usable.`,
  );

for (const command of [
  runCommand,
  proxyCommand,
  serveCommand,
  checkCommand,
  doctorCommand,
  lockdownCommand,
  cleanCommand,
]) {
  program.addCommand(inherit(command()));
}

// Whoever reads our output may be gone: that is no failure of what we do.
for (const output of [process.stdout, process.stderr]) output.on('error', () => {});

process.exitCode = await main(process.argv);

async function main(argv: string[]): Promise<number> {
  try {
    await program.parseAsync(argv);
    return Number(process.exitCode ?? EXIT.ok);
  } catch (error) {
    return report(error);
  }
}

// Usage errors are thrown, so that every way out ends here; the message is commander's one line plus where to look.
function inherit(command: Command): Command {
  return command
    .exitOverride()
    .configureOutput({ outputError: () => {} })
    .showHelpAfterError(false);
}

function report(thrown: unknown): number {
  const error = firstOf(thrown);
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return EXIT.ok;
    return say(`${error.message.replace(/^error: /, '')}; see jobgate --help`, EXIT.usage);
  }
  if (error instanceof UsageError || error instanceof AdmissionConfigError)
    return say(error.message, EXIT.usage);
  if (error instanceof AdmissionRefused) return say(error.message, EXIT.refused);
  if (error instanceof CommandError) return say(error.message, error.exitCode);
  if (error instanceof GatewayError) return say(error.message, EXIT.failed);
  // Not foreseen: still one line, the stack for those who ask for it.
  const text =
    error instanceof Error ? (process.env.JOBGATE_DEBUG && error.stack) || error.message : String(error);
  return say(`unexpected: ${text} (JOBGATE_DEBUG=1 shows where)`, EXIT.failed);
}

// Where cleaning up fails as well, what went wrong before that is the reason.
function firstOf(error: unknown): unknown {
  return error instanceof Error && error.name === 'SuppressedError' && 'suppressed' in error
    ? firstOf(error.suppressed)
    : error;
}

function say(message: string, code: number): number {
  tell(`jobgate: ${message}\n`);
  return code;
}
