import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createAdmission } from '../../admission/admission.js';
import { parseAllowedMounts, resolveMount } from '../../admission/allowed-mounts.js';
import { localInput, parse, spec } from './jobs.js';

let dir: string;
let allowedMounts: string[];

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'mounts-'));
  for (const name of ['data/in', 'database', 'shared', 'private'])
    mkdirSync(join(dir, name), { recursive: true });
  writeFileSync(join(dir, 'data/file'), 'x');
  symlinkSync(join(dir, 'private'), join(dir, 'data/out-of-it'));
  symlinkSync('/', join(dir, 'data/root'));
  symlinkSync(join(dir, 'data/in'), join(dir, 'link-into-it'));
  execFileSync('mkfifo', [join(dir, 'data/fifo')]);
  allowedMounts = [join(dir, 'data'), `${join(dir, 'shared')}:rw`];
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

async function decide(source: string, params: Record<string, unknown> = {}, allowed = allowedMounts) {
  await using admission = createAdmission({ allowedMounts: allowed });
  return await admission.decide(parse(spec({ InputSources: [localInput(source, params)] })));
}

describe('local inputs', () => {
  it('are refused where the operator allows none', async () => {
    expect(await decide(join(dir, 'data/in'), {}, [])).toMatchObject({ shouldBid: false });
  });

  it.each(['data', 'data/in', 'data/in/', 'data/file', 'data//in/.', 'link-into-it', 'shared'])(
    '%s is allowed',
    async (path) => {
      expect((await decide(join(dir, path))).shouldBid).toBe(true);
    },
  );

  it.each([
    ['a directory beside it', 'private'],
    ['one whose name begins alike', 'database'],
    ['what contains it', '.'],
    ['a link out of it', 'data/out-of-it'],
    ['a path through a link out of it', 'data/root/etc/passwd'],
    ['what is not there', 'data/nothing'],
    ['a pipe', 'data/fifo'],
  ])('%s is refused', async (_, path) => {
    const { shouldBid, reason } = await decide(join(dir, path));
    expect(shouldBid).toBe(false);
    expect(reason).toMatch(/^this node does not accept jobs that mount/);
  });

  it('does not tell a requester which files exist', async () => {
    const strip = (reason: string) => reason.replace(/"[^"]*"/, '""');
    const there = await decide('/etc/passwd');
    const absent = await decide('/etc/no-such-file');
    expect(strip(there.reason)).toBe(strip(absent.reason));
  });

  it('are writable only below a directory that the operator calls so', async () => {
    expect((await decide(join(dir, 'data/in'), { ReadWrite: true })).reason).toContain('ReadWrite');
    expect((await decide(join(dir, 'shared'), { ReadWrite: true })).shouldBid).toBe(true);
  });

  it('resolve to the real path, which is what to mount', async () => {
    const [input] = parse(spec({ InputSources: [localInput(join(dir, 'link-into-it'))] })).inputs;
    expect(input && (await resolveMount(input, parseAllowedMounts(allowedMounts)))).toEqual({
      ok: true,
      source: join(dir, 'data/in'),
      target: '/inputs',
      readOnly: true,
    });
  });
});

describe('AllowedMounts', () => {
  it.each([
    '/',
    '/proc',
    '/proc/1',
    '/sys',
    '/dev',
    '/run',
    '/var/run',
    '/run/docker.sock',
    '/var',
    '/var/lib',
    '/var/lib/docker/volumes',
  ])('%s is never allowed', (path) => {
    expect(() => createAdmission({ allowedMounts: [path] })).toThrow(/AllowedMounts: .*must not be mounted/);
  });

  it.each(['data', '', './x', '/a/../b', '/a\0b'])('%j is no absolute path', (path) => {
    expect(() => createAdmission({ allowedMounts: [path] })).toThrow(/absolute path/);
  });

  it('does not follow a link that was made later to where nothing may be mounted from', async () => {
    const later = join(dir, 'later');
    await using admission = createAdmission({ allowedMounts: [later] });
    const job = parse(spec({ InputSources: [localInput(later)] }));
    symlinkSync(join(dir, 'data'), later);
    expect((await admission.decide(job)).shouldBid).toBe(true);
    unlinkSync(later); // not rmSync, for which it is a directory on early releases of Node 24
    symlinkSync('/run', later);
    expect((await admission.decide(job)).shouldBid).toBe(false);
  });
});

describe("what the reference's configuration lists", () => {
  const asked = async (
    path: string,
    allowListedLocalPaths: string[],
    params: Record<string, unknown> = {},
  ) => {
    await using admission = createAdmission({ allowListedLocalPaths });
    return (await admission.decide(parse(spec({ InputSources: [localInput(path, params)] })))).shouldBid;
  };

  it.each<[string, string, boolean]>([
    ['data/**', 'data', true],
    ['data/**', 'data/in', true],
    ['data/**', 'database', false],
    ['data/**', 'data/out-of-it', false],
    ['data', 'data', true],
    ['data', 'data/in', false],
    ['data/*', 'data/in', true],
    ['data/*', 'data', false],
    ['data/f?le', 'data/file', true],
    ['data/*l*', 'data/file', true],
    ['data/*x', 'data/file', false],
    ['**/in', 'data/in', true],
    ['**/in/**', 'data/in', true],
    ['**', 'private', true],
    ['link-into-it/**', 'data/in', true],
    ['data/[fg]ile', 'data/file', false],
    ['data/{file,in}', 'data/file', false],
    ['data/../private', 'private', false],
  ])('%s allows %s: %s', async (pattern, path, allowed) => {
    expect(await asked(join(dir, path), [join(dir, '.').concat('/', pattern)])).toBe(allowed);
  });

  it('is for writing with :rw only', async () => {
    const writable = { ReadWrite: true };
    const pattern = join(dir, 'data/**');
    expect(await asked(join(dir, 'data/in'), [pattern], writable)).toBe(false);
    expect(await asked(join(dir, 'data/in'), [`${pattern}:ro`], writable)).toBe(false);
    expect(await asked(join(dir, 'data/in'), [pattern, `${pattern}:rw`], writable)).toBe(true);
  });

  it('leads to nothing that rules the node', async () => {
    expect(await asked('/proc/self', ['/**'])).toBe(false);
    expect(await asked('/run', ['/run/**'])).toBe(false);
    expect(await asked(join(dir, 'data/in'), ['/**'])).toBe(true);
    expect(await asked(join(dir, 'data/in'), ['**', 'data/**', ''])).toBe(false);
  });
});
