import { randomBytes, webcrypto } from 'node:crypto';
import { isIP } from 'node:net';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509CertificateGenerator,
} from '@peculiar/x509';

export interface TestCa {
  /** The authority's own certificate: what a client has to trust. */
  readonly pem: string;
  /** A server certificate for these names and addresses. A name may be a wildcard. */
  issue(names: readonly string[]): Promise<{ key: string; cert: string }>;
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const newKeys = () => webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);

/** An authority that lives in memory for the length of a test. Its certificates pass strict checks (RFC 5280), as Python's. */
export async function createCa(name = 'jobgate test CA'): Promise<TestCa> {
  const keys = await newKeys();
  const authority = await X509CertificateGenerator.createSelfSigned({
    ...common(),
    name: [{ CN: [name] }],
    keys,
    extensions: [
      new BasicConstraintsExtension(true, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return {
    pem: authority.toString('pem'),
    async issue(names) {
      const own = await newKeys();
      const leaf = await X509CertificateGenerator.create({
        ...common(),
        subject: [{ CN: [names[0]?.slice(0, 64) ?? 'unnamed.test'] }],
        issuer: authority.subjectName,
        publicKey: own.publicKey,
        signingKey: keys.privateKey,
        extensions: [
          new BasicConstraintsExtension(false, undefined, true),
          new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
          new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
          new SubjectAlternativeNameExtension(
            names.map((value) => ({ type: isIP(value) ? 'ip' : 'dns', value }) as const),
          ),
          await SubjectKeyIdentifierExtension.create(own.publicKey),
          await AuthorityKeyIdentifierExtension.create(keys.publicKey),
        ],
      });
      const key = PemConverter.encode(
        await webcrypto.subtle.exportKey('pkcs8', own.privateKey),
        'PRIVATE KEY',
      );
      return { key, cert: leaf.toString('pem') };
    },
  };
}

/** Valid from an hour ago, so that a clock that is a little behind is no matter. */
function common() {
  const hour = 3_600_000;
  // A positive serial number: the first bit of its first byte is 0.
  const serial = randomBytes(16);
  serial.writeUInt8(serial.readUInt8() & 0x7f);
  return {
    serialNumber: serial.toString('hex'),
    notBefore: new Date(Date.now() - hour),
    notAfter: new Date(Date.now() + 24 * hour),
    signingAlgorithm: algorithm,
  };
}
