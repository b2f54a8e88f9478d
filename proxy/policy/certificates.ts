import { X509Certificate } from 'node:crypto';
import type { Parsed } from './authority.js';

/** Longest text, bytes: every gateway's policy has it. */
export const MAX_CERTIFICATES = 65_536;

const BEGIN = '-----BEGIN CERTIFICATE-----';
const END = '-----END CERTIFICATE-----';

/** Reads certificates in PEM, one after the other, with whatever is said between them. At least one. */
export function parseCertificates(text: string): Parsed<readonly string[]> {
  if (text.length > MAX_CERTIFICATES) {
    return {
      ok: false,
      problem: `is longer than ${MAX_CERTIFICATES} bytes: name only what Node does not trust already`,
    };
  }
  const found: string[] = [];
  for (let from = text.indexOf(BEGIN); from >= 0; from = text.indexOf(BEGIN, from + 1)) {
    const end = text.indexOf(END, from);
    const pem = end < 0 ? '' : text.slice(from, end + END.length);
    if (!isCertificate(pem))
      return { ok: false, problem: `certificate ${found.length + 1} in it cannot be read` };
    found.push(pem);
  }
  return found.length > 0
    ? { ok: true, value: found }
    : { ok: false, problem: 'has no certificate in PEM form' };
}

function isCertificate(pem: string): boolean {
  try {
    new X509Certificate(pem);
    return true;
  } catch {
    return false;
  }
}
