import { readFileSync } from 'node:fs';
import { type Credentials, parseCredentials } from '../../proxy/policy/upstream.js';

interface CredentialSources {
  /** Path of a file whose first line is `USER:PASSWORD`. */
  readonly file?: string | undefined;
  /** `USER:PASSWORD`, the value of an environment variable. */
  readonly env?: string | undefined;
}

/**
 * Credentials that are not written into the URL, which shows in process lists. The file goes before the environment;
 * both go before those in the URL. Undefined where neither is given. Throws one line that names the source; the loader makes a ConfigError of it.
 */
export function upstreamCredentials({ file, env }: CredentialSources): Credentials | undefined {
  const [text, source] =
    file !== undefined ? [firstLine(file), file] : env ? [env, 'the environment'] : [undefined, ''];
  if (text === undefined) return undefined;
  const parsed = parseCredentials(text);
  if (!parsed.ok) throw new TypeError(`${source}: ${parsed.problem}`);
  return parsed.value;
}

function firstLine(file: string): string {
  try {
    return readFileSync(file, 'utf8').split(/\r?\n/, 1)[0] ?? '';
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    throw new TypeError(`${file}: the credentials of the upstream proxy cannot be read (${code})`);
  }
}
