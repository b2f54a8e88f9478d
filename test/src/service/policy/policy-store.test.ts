import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { LivePolicy } from '../../../../src/service/policy/live-policy.js';
import { PolicyStore } from '../../../../src/service/policy/policy-store.js';

const NETWORK = 'a'.repeat(64);
const policy: LivePolicy = {
  revision: 2,
  allow: [{ domain: 'a.test' }, { domain: 'b.test', expires: 1_893_456_000_000 }],
  deny: ['x.test'],
  rate: null,
  expires: 1_893_456_000_000,
};

describe('stored policies', () => {
  let folder: string;
  let state: string;
  let store: PolicyStore;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'jobgate-store-'));
    state = join(folder, 'state');
    store = new PolicyStore(state);
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const file = () => join(state, 'policies', `${NETWORK}.json`);

  it('are read as they were written, by their owner alone', async () => {
    expect(await store.read(NETWORK)).toBeUndefined();
    await store.remove(NETWORK);
    expect(existsSync(state)).toBe(false);
    await store.write(NETWORK, policy, 'engine');
    await store.write(NETWORK, { ...policy, revision: 3 }, 'engine');
    expect(await store.read(NETWORK)).toEqual({ ...policy, revision: 3 });
    expect(statSync(file()).mode & 0o777).toBe(0o600);
    expect(statSync(state).mode & 0o777).toBe(0o700);
    await store.remove(NETWORK);
    expect(readdirSync(join(state, 'policies'))).toEqual([]);
  });

  it('that are half written are not read', async () => {
    await store.write(NETWORK, policy, 'engine');
    writeFileSync(`${file()}.new`, readFileSync(file(), 'utf8').slice(0, 40));
    expect(await store.read(NETWORK)).toEqual(policy);
    await store.write(NETWORK, policy, 'engine');
    await store.remove(NETWORK);
    expect(readdirSync(join(state, 'policies'))).toEqual([]);
  });

  it('are those of one network each', async () => {
    await store.write(NETWORK, policy, 'engine');
    const other = 'b'.repeat(64);
    writeFileSync(join(state, 'policies', `${other}.json`), readFileSync(file()));
    await expect(store.read(other)).rejects.toThrow(/its changed policy, .*b\.json, is not one that/);
    await expect(store.read('../policies/x')).rejects.toThrow('no id of a network');
  });

  it.each([
    ['no JSON', 'nonsense'],
    ['another version', JSON.stringify({ v: 2, network: NETWORK, engine: '', policy })],
    [
      'more than is known',
      JSON.stringify({ v: 1, network: NETWORK, engine: '', policy: { ...policy, budget: 1 } }),
    ],
    ['less', JSON.stringify({ v: 1, network: NETWORK, engine: '', policy: { ...policy, deny: undefined } })],
  ])('that are %s are an error, and never the labels', async (_, text) => {
    await store.write(NETWORK, policy, 'engine');
    writeFileSync(file(), text);
    await expect(store.read(NETWORK)).rejects.toThrow('mend it, or remove the network');
  });

  it('that cannot be looked at are an error as well', async () => {
    await store.write(NETWORK, policy, 'engine');
    rmSync(file());
    mkdirSync(file());
    await expect(store.read(NETWORK)).rejects.toThrow('its changed policy cannot be read: EISDIR');
  });

  it('are in no folder that others may write to', async () => {
    await store.write(NETWORK, policy, 'engine');
    chmodSync(join(state, 'policies'), 0o777);
    await expect(store.write(NETWORK, { ...policy, revision: 3 }, 'engine')).rejects.toThrow(
      "not a folder of this user's alone",
    );
    expect(await store.read(NETWORK)).toEqual(policy);
    const link = join(folder, 'link');
    symlinkSync(state, link);
    await expect(new PolicyStore(link).write(NETWORK, policy, '')).rejects.toThrow(
      "not a folder of this user's alone",
    );
    await expect(new PolicyStore('/proc/none').write(NETWORK, policy, '')).rejects.toThrow('ENOENT');
  });
});
