import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createAdmission } from '../../admission/admission.js';
import { AllowedDomainsFile } from '../../admission/domain-file.js';
import { jobOn } from './jobs.js';

let dir: string;
let file: string;
let lines: { level: string; message: string; fields: Record<string, unknown> }[];
const log = (level: string) => (fields: object, message: string) =>
  void lines.push({ level, message, fields: fields as Record<string, unknown> });
const logger = { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') };

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'domains-'));
  file = join(dir, 'domains.txt');
  lines = [];
});
afterEach(() => {
  vi.useRealTimers();
  rmSync(dir, { recursive: true, force: true });
});

function write(...domains: string[]): void {
  writeFileSync(file, `${domains.join('\n')}\n`);
}

/** As editors and configuration tools do it. */
function replace(...domains: string[]): void {
  writeFileSync(`${file}.new`, `${domains.join('\n')}\n`);
  renameSync(`${file}.new`, file);
}

function admission() {
  return createAdmission({ allowedDomainsFile: file, logger });
}

const wants = (...domains: string[]) => jobOn('HTTP', ...domains);

describe('a domain file', () => {
  it("has a domain a line, comments and empty lines, as the reference's", async () => {
    writeFileSync(
      file,
      '\uFEFF# Which domains jobs may reach – and why\n#\n\nexample.com\r\n  .Example.org  # with all below\n192.0.2.7\n\n#end',
    );
    await using gate = admission();
    expect(gate.allowlist()?.entries).toEqual(['example.com', '.example.org', '192.0.2.7']);
    expect((await gate.decide(wants('example.com', 'a.example.org', '192.0.2.7'))).shouldBid).toBe(true);
    expect((await gate.decide(wants('a.example.com'))).shouldBid).toBe(false);
  });

  it('that is empty is no domain at all', async () => {
    write('# nothing yet');
    await using gate = admission();
    expect((await gate.decide(wants('example.com'))).shouldBid).toBe(false);
    expect((await gate.decide(jobOn('None'))).shouldBid).toBe(true);
    expect((await gate.decide(jobOn('Bridge'))).shouldBid).toBe(false);
  });

  it('that is not there or broken at the start is no admission at all', () => {
    expect(admission).toThrow(/AllowedDomainsFile .*domains\.txt: .*ENOENT/);
    write('example.com', '*.example.org', 'https://x.example.com');
    expect(admission).toThrow(/line 2: .*; line 3: /);
    rmSync(file);
    mkdirSync(file);
    expect(admission).toThrow(/AllowedDomainsFile/);
  });
});

describe('a domain file that changes', () => {
  it('is in force for the next decision, when it was replaced', async () => {
    write('example.com');
    await using gate = admission();
    expect((await gate.decide(wants('example.net'))).shouldBid).toBe(false);
    replace('example.net');
    expect((await gate.decide(wants('example.net'))).shouldBid).toBe(true);
    expect((await gate.decide(wants('example.com'))).shouldBid).toBe(false);
    expect(gate.allowlist()).toMatchObject({
      entries: ['example.net'],
      file: { file, entries: 1, reloads: 1 },
    });
    expect(lines.map(({ message }) => message)).toEqual([
      'domain allowlist read',
      'domain allowlist reloaded',
    ]);
  });

  it('is in force for the next decision, when it was written in place', async () => {
    write('example.com');
    await using gate = admission();
    write('example.net');
    expect((await gate.decide(wants('example.net'))).shouldBid).toBe(true);
    expect((await gate.decide(wants('example.com'))).shouldBid).toBe(false);
  });

  it('is seen also where two changes of equal length fall into one tick of the clock', async () => {
    write('a.example.com');
    await using gate = admission();
    for (let round = 0; round < 50; round++) {
      const name = `${'abcdefghij'[round % 10]}.example.com`;
      write(name);
      expect((await gate.decide(wants(name))).shouldBid, `${round}: ${name}`).toBe(true);
    }
  });

  it('behind a symbolic link is seen when the link moves', async () => {
    mkdirSync(join(dir, 'v1'));
    mkdirSync(join(dir, 'v2'));
    writeFileSync(join(dir, 'v1/domains.txt'), 'example.com\n');
    writeFileSync(join(dir, 'v2/domains.txt'), 'example.net\n');
    symlinkSync('v1', join(dir, 'current'));
    file = join(dir, 'current/domains.txt');
    await using gate = admission();
    symlinkSync('v2', join(dir, 'next'));
    renameSync(join(dir, 'next'), join(dir, 'current'));
    expect((await gate.decide(wants('example.net'))).shouldBid).toBe(true);
  });

  it('that looks half written counts only once it stays as it is', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    write('example.com');
    await using gate = admission();
    // Truncated first, as every program that writes in place does; then cut in the middle of .example.net.
    for (const text of ['', '.example.co', 'example.com\n.exam']) {
      writeFileSync(file, text);
      expect((await gate.decide(wants('example.com'))).shouldBid, text).toBe(true);
      expect((await gate.decide(wants('a.example.co'))).shouldBid, text).toBe(false);
    }
    writeFileSync(file, 'example.org');
    expect((await gate.decide(wants('example.com'))).shouldBid).toBe(true);
    vi.advanceTimersByTime(150);
    expect((await gate.decide(wants('example.org'))).shouldBid).toBe(true);
    expect((await gate.decide(wants('example.com'))).shouldBid).toBe(false);
    expect(lines.filter(({ level }) => level === 'error')).toEqual([]);
  });

  it.each([
    ['broken', () => write('example.net', 'not a domain')],
    ['gone', () => unlinkSync(file)],
    ['too large', () => writeFileSync(file, Buffer.alloc(17 * 1024 * 1024, '#'))],
  ])('and is %s keeps the list before it, and says so loudly, once', async (_, spoil) => {
    write('example.com');
    await using gate = admission();
    spoil();
    for (let count = 0; count < 3; count++) {
      expect((await gate.decide(wants('example.com'))).shouldBid).toBe(true);
      expect((await gate.decide(wants('example.net'))).shouldBid).toBe(false);
    }
    const errors = lines.filter(({ level }) => level === 'error');
    expect(errors).toHaveLength(1);
    expect(errors[0]).toMatchObject({
      message: 'the domain allowlist is broken: the one before it stays in force',
      fields: { file, entries: 1 },
    });
    expect(gate.allowlist()?.file?.problem).toEqual(errors[0]?.fields.problem);

    replace('example.net');
    expect((await gate.decide(wants('example.net'))).shouldBid).toBe(true);
    expect(gate.allowlist()?.file).not.toHaveProperty('problem');
  });

  it('and comes back as it was is whole again', async () => {
    write('example.com');
    await using gate = admission();
    unlinkSync(file);
    await gate.decide(wants('example.com'));
    expect(gate.allowlist()?.file?.problem).toMatch(/ENOENT/);
    write('example.com');
    await gate.decide(wants('example.com'));
    expect(gate.allowlist()?.file).not.toHaveProperty('problem');
  });

  it('is noticed when nobody asks', async () => {
    write('example.com');
    const watched = new AllowedDomainsFile(file);
    try {
      replace('example.com', 'example.net');
      await expect.poll(() => watched.state.entries).toBe(2);
    } finally {
      watched.close();
    }
  });

  it('loses no decision under load', async () => {
    // One entry is always there; the other one comes and goes.
    write('always.example.com', 'even.example.com');
    await using gate = admission();
    let writing = true;
    let writes = 0;
    const writer = (async () => {
      while (writing) {
        const other = writes % 2 === 0 ? 'odd.example.com' : 'even.example.com';
        if (writes % 3 === 0) write('always.example.com', other);
        else replace('always.example.com', other);
        writes++;
        await sleep(2);
      }
    })();
    const refused: string[] = [];
    for (let count = 0; count < 1000; count++) {
      const always = await gate.decide(wants('always.example.com'));
      if (!always.shouldBid) refused.push(always.reason);
      if ((await gate.decide(wants('never.example.com'))).shouldBid) refused.push('never');
      if (count % 15 === 0) await sleep(1);
    }
    writing = false;
    await writer;
    expect(refused).toEqual([]);
    expect(writes).toBeGreaterThan(10);
    expect(lines.filter(({ level }) => level === 'error')).toEqual([]);
    const last = writes % 2 === 1 ? 'odd' : 'even';
    expect((await gate.decide(wants(`${last}.example.com`))).shouldBid).toBe(true);
  });
});
