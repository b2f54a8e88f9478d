import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command, Option } from 'commander';
import { GatewayError } from '../../docker/engine/errors.js';
import { packageFile } from '../../proxy/util/package-files.js';
import { EXIT } from '../exit-codes.js';

export function imageCommand(): Command {
  return new Command('image')
    .description(
      'Makes the image of jobgate from this package, the Node that runs it and files of this machine; no registry is\n' +
        'asked. It is made again only when something that goes into it changed. Prints its name. Needs Linux, bash and\n' +
        'the docker command.',
    )
    .argument('[name]', 'jobgate:VERSION unless given, where a gateway looks for it')
    .addOption(new Option('--force', 'make it even if nothing changed'))
    .action(async (name: string | undefined, { force }: { force?: true }) => {
      process.exitCode = await makeImage([
        ...(name === undefined ? [] : [name]),
        ...(force ? ['--force'] : []),
      ]);
    });
}

async function makeImage(args: readonly string[]): Promise<number> {
  const script = fileURLToPath(packageFile('docker/image/image.sh'));
  // The script takes the first Node of PATH: this one.
  const PATH = `${dirname(process.execPath)}:${process.env.PATH ?? ''}`;
  const child = spawn('bash', [script, ...args], { stdio: 'inherit', env: { ...process.env, PATH } });
  const [code] = await once(child, 'exit').catch((error: Error) => {
    throw new GatewayError(`the image is made by a script, and bash cannot be started: ${error.message}`);
  });
  return code === 0 ? EXIT.ok : EXIT.failed;
}
