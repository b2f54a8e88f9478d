import { readFileSync } from 'node:fs';
import { Command, Option } from 'commander';
import { accountSchema } from '../account/account.js';
import { isSignedBy, readPublicKey } from '../account/signature.js';
import { UsageError } from '../errors.js';
import { EXIT } from '../exit-codes.js';
import { tell } from '../terminal.js';

export function accountCommand(): Command {
  const command = new Command('account').description('The accounts of jobs that have ended.');
  command
    .command('verify')
    .description(
      'Says whether FILE is the account that the holder of a key has signed, byte by byte. Without jobgate:\n' +
        'openssl pkeyutl -verify -pubin -inkey KEY -rawin -in FILE -sigfile FILE.sig. Exit code 125: it is not.',
    )
    .argument('<file>', 'the account')
    .addOption(
      new Option('--key <file>', 'public key, PEM: openssl pkey -in KEY -pubout').makeOptionMandatory(),
    )
    .addOption(new Option('--signature <file>', 'FILE.sig where absent'))
    .action((file: string, flags: { readonly key: string; readonly signature?: string }) => {
      process.exitCode = verifyAccount(file, flags);
    });
  return command;
}

function verifyAccount(
  file: string,
  { key, signature = `${file}.sig` }: { readonly key: string; readonly signature?: string },
): number {
  const publicKey = readPublicKey(key);
  const bytes = contentOf(file);
  if (!isSignedBy(bytes, contentOf(signature), publicKey)) {
    tell(`${file}: not signed by the holder of ${key}, or changed since\n`);
    return EXIT.failed;
  }
  const parsed = accountSchema.safeParse(json(bytes));
  if (!parsed.success) {
    tell(`${file}: signed by the holder of ${key}, but no account that this version of jobgate knows\n`);
    return EXIT.failed;
  }
  const { job, began, ended } = parsed.data;
  process.stdout.write(
    `${file}: signed by the holder of ${key}: job ${job}, ${began} to ${ended ?? 'now, when it was asked for'}\n`,
  );
  return EXIT.ok;
}

function json(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    return undefined;
  }
}

function contentOf(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new UsageError(`${file}: ${(error as Error).message}`);
  }
}
