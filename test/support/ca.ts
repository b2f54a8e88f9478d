import { isIP } from 'node:net';
import { generate } from 'selfsigned';

export interface TestCa {
  /** The authority's own certificate: what a client has to trust. */
  readonly pem: string;
  /** A server certificate for these names and addresses. A name may be a wildcard. */
  issue(names: readonly string[]): Promise<{ key: string; cert: string }>;
}

const options = { keyType: 'ec', curve: 'P-256', algorithm: 'sha256' } as const;

/** An authority that lives in memory for the length of a test. */
export async function createCa(name = 'jobgate test CA'): Promise<TestCa> {
  const authority = await generate([{ name: 'commonName', value: name }], {
    ...options,
    ...validity(),
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
    ],
  });
  return {
    pem: authority.cert,
    async issue(names) {
      const first = names[0] ?? 'unnamed.test';
      const leaf = await generate([{ name: 'commonName', value: first.slice(0, 64) }], {
        ...options,
        ...validity(),
        ca: { key: authority.private, cert: authority.cert },
        extensions: [
          { name: 'basicConstraints', cA: false, critical: true },
          { name: 'keyUsage', digitalSignature: true, critical: true },
          { name: 'extKeyUsage', serverAuth: true },
          {
            name: 'subjectAltName',
            altNames: names.map((value) => (isIP(value) ? { type: 7, ip: value } : { type: 2, value })),
          },
        ],
      });
      return { key: leaf.private, cert: leaf.cert };
    },
  };
}

/** From an hour ago, so that a clock that is a little behind is no matter. */
function validity() {
  const hour = 3_600_000;
  return { notBeforeDate: new Date(Date.now() - hour), notAfterDate: new Date(Date.now() + 24 * hour) };
}
