import { spawnSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ClosedEvent, DecisionEvent } from '../../../proxy/report/events.js';
import { accountSchema, accountText } from '../../../src/account/account.js';
import { AccountBook } from '../../../src/account/account-book.js';
import { AccountStore } from '../../../src/account/account-store.js';
import { readSigningKey, signatureOf } from '../../../src/account/signature.js';
import { cliHere } from '../../support/cli-here.js';
import { writeKeyPair } from '../../support/signing-key.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'jobgate-test-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const newBook = () =>
  new AccountBook({
    job: 'job-1',
    opened: { by: 'run', uid: 0, user: 'root' },
    versions: { jobgate: '0', engine: '1' },
    began: new Date('2030-01-01T00:00:00Z'),
    policy: { domains: ['a.test'], denied: [], rate: null, budget: 'unlimited' },
  });

const base = { v: 1, job: 'job-1', connection: 1, method: 'GET', ms: 1 } as const;
const decision = (
  host: string,
  time: number,
  reason: DecisionEvent['reason'] = 'allowed',
  count = 1,
): DecisionEvent => ({
  ...base,
  type: 'decision',
  decision: reason === 'allowed' ? 'allow' : 'deny',
  how: 'proxy',
  ...{ host, port: 443, time, reason, count, client: '' },
});
const closed = (host: string, time: number, up: number, down: number): ClosedEvent => ({
  ...base,
  type: 'closed',
  kind: 'tunnel',
  ...{ host, port: 443, time, up, down, reason: 'end' },
});

describe('an account', () => {
  it('has each host with its times, bytes, connections and refusals, and keeps its schema', () => {
    const book = newBook();
    book.add(decision('a.test', 1_000));
    book.add(closed('a.test', 3_000, 10, 20));
    book.add(decision('a.test', 2_000));
    book.add(closed('a.test', 5_000, 1, 2));
    book.add(decision('b.test', 4_000, 'domain-not-allowed', 7));
    book.add(decision('b.test', 4_500, 'operator-denied'));
    book.changed(6_000, 'api', 2, { added: [] });
    book.connected('c1', 'one');
    expect(book.exited('c1', 3)).toBe(true);
    expect(book.exited('other', 3)).toBe(false);
    const account = book.account({ end: { time: new Date(9_000), reason: 'asked to' } });
    expect(accountSchema.parse(JSON.parse(accountText(account)))).toEqual(account);
    expect(account).toMatchObject({
      ended: '1970-01-01T00:00:09.000Z',
      exitCode: 3,
      changes: [{ time: '1970-01-01T00:00:06.000Z', by: 'api', cut: 2 }],
      hosts: [
        {
          ...{ host: 'a.test', port: 443, up: 11, down: 22, connections: 2, allowed: 2, denied: {} },
          ...{ first: '1970-01-01T00:00:01.000Z', last: '1970-01-01T00:00:05.000Z' },
        },
        { host: 'b.test', allowed: 0, denied: { 'domain-not-allowed': 7, 'operator-denied': 1 } },
      ],
    });
  });

  it('stays small whatever a job does', () => {
    const book = newBook();
    for (let i = 0; i < 20_000; i++) {
      book.add(decision(`h${i}.test`, i, 'domain-not-allowed'));
      book.changed(i, 'api', 0, {});
      book.connected(`c${i}`, 'name');
    }
    const account = book.account({});
    expect([account.hosts.length, account.changes.length, account.containers.length]).toEqual([
      501, 1_000, 100,
    ]);
    expect(account.hosts.at(-1)).toMatchObject({
      host: 'other',
      port: 0,
      denied: { 'domain-not-allowed': 19_500 },
    });
    expect(account.changesLeftOut).toBe(19_000);
    expect(accountText(account).length).toBeLessThan(1 << 20);
  });
});

describe('a signed account', () => {
  const files = () => {
    const { key, pub } = writeKeyPair(folder);
    const file = join(folder, 'account.json');
    const text = accountText(newBook().account({ end: { time: new Date() } }));
    writeFileSync(file, text);
    writeFileSync(`${file}.sig`, signatureOf(text, readSigningKey(key)));
    return { key, pub, file };
  };

  it('is verified, by jobgate and by openssl; one byte more or another key, and it is not', async () => {
    const { key, pub, file } = files();
    const openssl = () =>
      spawnSync('openssl', [
        ...['pkeyutl', '-verify', '-pubin', '-inkey', pub, '-rawin', '-in', file, '-sigfile', `${file}.sig`],
      ]).status;
    const fine = await cliHere(['account', 'verify', file, '--key', pub]);
    expect([fine.code, fine.stdout]).toEqual([
      0,
      expect.stringMatching(/signed by the holder of .*: job job-1, /),
    ]);
    expect(openssl()).toBe(0);
    const other = join(folder, 'other.pem');
    const { publicKey } = generateKeyPairSync('ed25519');
    writeFileSync(other, publicKey.export({ type: 'spki', format: 'pem' }));
    expect((await cliHere(['account', 'verify', file, '--key', other])).code).toBe(125);
    writeFileSync(file, `${readFileSync(file, 'utf8')} `);
    const changed = await cliHere(['account', 'verify', file, '--key', pub]);
    expect([changed.code, changed.stderr]).toEqual([125, expect.stringMatching(/not signed by the holder/)]);
    expect(openssl()).not.toBe(0);
    expect((await cliHere(['account', 'verify', join(folder, 'none'), '--key', pub])).code).toBe(64);
    chmodSync(key, 0o644);
    expect(() => readSigningKey(key)).toThrow(/others can read it/);
  });

  it('is by a key of Ed25519 alone', () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const key = join(folder, 'ec.pem');
    writeFileSync(key, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
    expect(() => readSigningKey(key)).toThrow(/must be of Ed25519/);
    writeFileSync(key, 'x');
    expect(() => readSigningKey(key)).toThrow(/the key for accounts/);
  });
});

describe('kept accounts', () => {
  const store = (keepMs: number, keepBytes: number) =>
    new AccountStore({ stateDirectory: join(folder, 'state'), keepMs, keepBytes });
  const ago = (id: string, ms: number) => {
    const time = new Date(Date.now() - ms);
    utimesSync(join(folder, 'state', 'accounts', `${id}.json`), time, time);
  };

  it('are there for a time, and the oldest go where they are too many bytes', async () => {
    const kept = store(10_000, 350);
    const text = 'x'.repeat(100);
    for (const [i, id] of ['a', 'b', 'c'].entries()) {
      await kept.write(id, text);
      ago(id, 5_000 - i * 1_000);
    }
    expect(await kept.read('a')).toBe(text);
    await kept.write('d', text);
    expect(await Promise.all(['a', 'b', 'c', 'd'].map((id) => kept.read(id)))).toEqual([
      ...[undefined, text, text, text],
    ]);
    ago('b', 11_000);
    expect(await kept.read('b')).toBeUndefined();
    // As one that begins with what another left.
    await store(10_000, 250).write('e', text);
    expect(readdirSync(join(folder, 'state', 'accounts')).sort()).toEqual(['d.json', 'e.json']);
    await expect(kept.read('../../etc/passwd')).rejects.toThrow();
  });
});
