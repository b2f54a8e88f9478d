import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type Dockerode from 'dockerode';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { ResolverFiles } from '../../../docker/gateway/resolver-files.js';

const BRIDGE = 'jg-0123456789ab';
const engine = { getContainer: () => ({ inspect: async () => ({}) }) } as unknown as Dockerode;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'jobgate-resolver-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

it('names the gateway, for every user of the job to read', async () => {
  const before = process.umask(0o077);
  const files = new ResolverFiles([folder]);
  const path = (await files.write(engine, BRIDGE, '10.213.0.1')) ?? '';
  process.umask(before);
  expect(readFileSync(path, 'utf8')).toMatch(/^nameserver 10\.213\.0\.1\n/);
  expect(statSync(path).mode & 0o777).toBe(0o644);
  files.remove(BRIDGE);
  expect(readdirSync(folder)).toEqual([]);
});

it('is not in a folder that others may write to, but in the next', async () => {
  const open = mkdtempSync(join(tmpdir(), 'jobgate-resolver-'));
  chmodSync(open, 0o777);
  try {
    const files = new ResolverFiles([open, '/proc/none', folder]);
    expect(await files.write(engine, BRIDGE, '10.213.0.1')).toMatch(new RegExp(`^${folder}/`));
    expect(await new ResolverFiles([open]).write(engine, BRIDGE, '10.213.0.1')).toBeUndefined();
  } finally {
    rmSync(open, { recursive: true });
  }
});

it('goes with its network, where its process was killed; what is of other namespaces, or none of ours, stays', async () => {
  await new ResolverFiles([folder]).write(engine, BRIDGE, '10.213.0.1');
  for (const other of [`${BRIDGE}.1.resolv.conf`, 'jobgate.sock']) writeFileSync(join(folder, other), '');
  new ResolverFiles([folder]).tidy();
  expect(readdirSync(folder).sort()).toEqual([`${BRIDGE}.1.resolv.conf`, 'jobgate.sock']);
});
