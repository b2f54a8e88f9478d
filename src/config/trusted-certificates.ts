import { readFileSync } from 'node:fs';
import { parseCertificates } from '../../proxy/policy/certificates.js';
import type { OperatorPolicy } from '../../proxy/policy/policy.js';
import { ConfigError } from './config-error.js';
import type { Settings } from './precedence.js';

/** What the file of certificates has, for a policy: a worker reads no file. @throws ConfigError */
export function trustedCertificates(settings: Settings): Pick<OperatorPolicy, 'trustedCertificates'> {
  const file = settings.given('trustedCertificatesFile');
  if (!file) return {};
  const path = file.value as string;
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new ConfigError([
      `${file.where}: ${path} cannot be read (${(error as NodeJS.ErrnoException).code})`,
    ]);
  }
  const parsed = parseCertificates(text);
  if (!parsed.ok) throw new ConfigError([`${file.where}: ${path} ${parsed.problem}`]);
  return { trustedCertificates: parsed.value.join('\n') };
}
