import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { UsageError } from '../errors.js';

/**
 * The operator's key, in PEM: `openssl genpkey -algorithm ed25519`.
 *
 * @throws UsageError for a file that is none, or that others can read.
 */
export function readSigningKey(file: string): KeyObject {
  const wrong = (problem: string) => new UsageError(`the key for accounts, ${file}: ${problem}`);
  let key: KeyObject;
  try {
    if ((statSync(file).mode & 0o077) !== 0) throw wrong('others can read it: chmod 600');
    key = createPrivateKey(readFileSync(file));
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw wrong((error as Error).message);
  }
  if (key.asymmetricKeyType !== 'ed25519')
    throw wrong('it must be of Ed25519: openssl genpkey -algorithm ed25519');
  return key;
}

/** Its public half, in PEM. @throws UsageError */
export function readPublicKey(file: string): KeyObject {
  let key: KeyObject;
  try {
    key = createPublicKey(readFileSync(file));
  } catch (error) {
    throw new UsageError(`--key ${file}: ${(error as Error).message}`);
  }
  if (key.asymmetricKeyType !== 'ed25519') throw new UsageError(`--key ${file}: it is no key of Ed25519`);
  return key;
}

/** Ed25519 (RFC 8032) over exactly these bytes: 64 bytes, the same each time. */
export const signatureOf = (text: string, key: KeyObject): Buffer => sign(null, Buffer.from(text), key);

export const isSignedBy = (bytes: Buffer, signature: Buffer, key: KeyObject): boolean =>
  verify(null, bytes, key, signature);
