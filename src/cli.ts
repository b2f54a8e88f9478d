#!/usr/bin/env node
import { Command, CommanderError } from 'commander';
import { packageVersion } from '../proxy/util/package-files.js';
import { EXIT } from './exit-codes.js';
import { tell, tellAs } from './terminal.js';

/** Each is loaded when it is asked for: the others' code costs time to read. */
const COMMANDS: Readonly<Record<string, readonly [summary: string, load: () => Promise<Command>]>> = {
  run: [
    'run a job in a container that reaches its allowed domains and nothing else',
    async () => (await import('./commands/run.js')).runCommand(),
  ],
  proxy: [
    'an egress proxy alone: HTTP and CONNECT to the allowed domains',
    async () => (await import('./commands/proxy.js')).proxyCommand(),
  ],
  serve: [
    'the sidecar of a compute node: admission, gateways and jobs over HTTP',
    async () => (await import('./commands/serve.js')).serveCommand(),
  ],
  ps: [
    'the jobs of a serve that runs: how fast, what was refused',
    async () => (await import('./commands/ps.js')).psCommand(),
  ],
  allow: [
    'let a running job reach more domains',
    async () => (await import('./commands/change-policy.js')).allowCommand(),
  ],
  deny: [
    'refuse hosts to a running job, and cut its connections to them',
    async () => (await import('./commands/change-policy.js')).denyCommand(),
  ],
  events: [
    'what happens at a serve: decisions, gateways, jobs, admission',
    async () => (await import('./commands/events.js')).eventsCommand(),
  ],
  logs: [
    'the output of a job that serve runs',
    async () => (await import('./commands/logs.js')).logsCommand(),
  ],
  close: [
    'close the gateway of a job, or stop a job that serve runs',
    async () => (await import('./commands/close.js')).closeCommand(),
  ],
  check: [
    'say whether this node would run a job, and why',
    async () => (await import('./commands/check.js')).checkCommand(),
  ],
  doctor: [
    'what this node can enforce, and what is missing',
    async () => (await import('./commands/doctor.js')).doctorCommand(),
  ],
  verify: [
    'run a hostile job that tries to get out, and tell what got through',
    async () => (await import('./commands/verify.js')).verifyCommand(),
  ],
  account: [
    'say whether the account of a job is as its node signed it',
    async () => (await import('./commands/account.js')).accountCommand(),
  ],
  image: [
    'make the image of jobgate, for gateways in containers and for the sidecar',
    async () => (await import('./commands/image.js')).imageCommand(),
  ],
  lockdown: [
    'install the firewall rules that keep jobs from the host and each other',
    async () => (await import('./commands/lockdown.js')).lockdownCommand(),
  ],
  clean: [
    'remove left-overs of dead runs, and the firewall rules when no gateway is open',
    async () => (await import('./commands/clean.js')).cleanCommand(),
  ],
  completion: [
    'a script that completes commands and ids in bash, zsh or fish',
    async () => (await import('./commands/completion.js')).completionCommand(allCommands),
  ],
};

// Whoever reads our output may be gone: that is no failure of what we do.
for (const output of [process.stdout, process.stderr]) output.on('error', () => {});

process.exitCode = await main(process.argv);

async function main(argv: string[]): Promise<number> {
  // Until the configuration is read.
  tellAs('pretty');
  try {
    // Who says nothing wants to know what there is to say.
    const given = argv.length > 2 ? argv : [...argv, '--help'];
    await (await program(given)).parseAsync(given);
    return Number(process.exitCode ?? EXIT.ok);
  } catch (error) {
    if (error instanceof CommanderError) {
      if (error.exitCode === 0) return EXIT.ok;
      const message = error.message.replace(/^error: /, '').replaceAll('\n', ' ');
      return say(`${message}; see jobgate --help`, EXIT.usage);
    }
    const { report } = await import('./report.js');
    const { message, code } = report(error);
    return say(message, code);
  }
}

async function program(argv: readonly string[]): Promise<Command> {
  const program = inherit(new Command('jobgate'))
    .description(
      'Network enforcement for the jobs of a compute node: decides whether a job may run here, and gives it one way\n' +
        'out: a proxy that lets it reach its domains only, at 10 Mbit/s in each direction.',
    )
    .version(packageVersion(), '-v, --version')
    .enablePositionalOptions()
    .addHelpText(
      'after',
      `
Examples:
  jobgate run --domain .example.com alpine:3.20 wget -qO- http://www.example.com
  jobgate run --job fetch.yaml
  jobgate proxy --domain example.com --listen 127.0.0.1:3128
  jobgate serve --config node.yaml
  jobgate ps --watch
  jobgate doctor

Exit codes: the job's own; 124 timed out; 128+n ended by signal n; 125 jobgate or the engine failed;
77 this node does not accept the job; 64 the command line, the job file or the configuration is not usable.`,
    );
  // None of the options before a command has a value of its own.
  const [first, second] = argv.slice(2).filter((argument) => !argument.startsWith('-'));
  const asked = first === 'help' ? second : first;
  for (const [name, [summary, load]] of Object.entries(COMMANDS)) {
    const command = name === asked ? await load() : new Command(name);
    program.addCommand(inherit(command.summary(summary)));
  }
  return program;
}

async function allCommands(): Promise<readonly Command[]> {
  return Promise.all(Object.values(COMMANDS).map(async ([summary, load]) => (await load()).summary(summary)));
}

// Usage errors are thrown, so that every way out ends here; the message is commander's one line plus where to look.
function inherit(command: Command): Command {
  return command
    .exitOverride()
    .configureOutput({ outputError: () => {} })
    .showHelpAfterError(false);
}

function say(message: string, code: number): number {
  tell(`jobgate: ${message}\n`, process.stderr, { level: 'error', code });
  return code;
}
