import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { createAdmission } from '../../admission/admission.js';
import type { AdmissionConfig } from '../../admission/config.js';
import type { Job } from '../../admission/job.js';
import { jobOn, parse, spec } from './jobs.js';

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'probe-'));
});
afterEach(() => void vi.unstubAllEnvs());
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const HTTP = jobOn('HTTP', 'example.com');

/** A command that prints a field of the job that it reads; a new machine has no jq. */
function jobSays(field: string, file = '0'): string {
  return `'${process.execPath}' -p 'JSON.parse(require("fs").readFileSync(${file})).Job.${field}'`;
}

async function ask(probeExec: string, job: Job = HTTP, config: AdmissionConfig = {}) {
  await using admission = createAdmission({ ...config, probeExec });
  return await admission.decide(job);
}

/** Pids of processes whose environment has a text in it: that of a probe and of all it started. */
function processesWith(text: string): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => {
      try {
        const status = readFileSync(`/proc/${pid}/status`, 'utf8');
        return (
          pid > 0 &&
          !/^State:\tZ/m.test(status) &&
          readFileSync(`/proc/${pid}/environ`, 'utf8').includes(text)
        );
      } catch {
        return false;
      }
    });
}

async function eventually(condition: () => boolean): Promise<void> {
  for (let tries = 0; tries < 6_000 && !condition(); tries++)
    await new Promise((resolve) => setTimeout(resolve, 10));
  expect(condition()).toBe(true);
}

describe('an exec probe', () => {
  it('accepts with exit code 0 and refuses with any other', async () => {
    expect(await ask('exit 0')).toMatchObject({
      shouldBid: true,
      reason: expect.stringContaining('that its exec probe accepts'),
    });
    expect(await ask('exit 1')).toEqual({
      shouldBid: false,
      reason: 'this node does not accept jobs that its exec probe refuses (exit code 1)',
    });
    expect((await ask('exit 127')).reason).toContain('exit code 127');
  });

  it('says why on stderr, in one clean line; stdout is ignored', async () => {
    expect((await ask('echo not today >&2; exit 3')).reason).toMatch(/: not today$/);
    expect((await ask('echo welcome >&2; exit 0')).reason).toMatch(/: welcome$/);
    expect((await ask("printf 'a\\e[31m\\r\\n  b\\0\\n' >&2; exit 1")).reason).toMatch(/: a \[31m b$/);
    expect((await ask('echo out; exit 1')).reason).not.toContain('out');
  });

  it('gets the job on stdin and in the environment, and nothing else but PATH', async () => {
    const [stdin, environment] = [join(dir, 'stdin'), join(dir, 'environ')];
    vi.stubEnv('SECRET', 'secret');
    await ask(`cat > ${stdin}; cat /proc/$$/environ > ${environment}`);
    const expected = JSON.stringify({ Job: HTTP.spec });
    expect(readFileSync(stdin, 'utf8')).toBe(expected);
    const variables = readFileSync(environment, 'utf8').split('\0').filter(Boolean).sort();
    expect(variables).toEqual([`BACALHAU_JOB_SELECTION_PROBE_DATA=${expected}`, `PATH=${process.env.PATH}`]);
  });

  it('may open its stdin and stderr by name', async () => {
    expect(
      (
        await ask(
          `${jobSays('Name', '"/dev/stdin"')} > /dev/stderr; ${jobSays('Type')} < /dev/stdin >> /dev/stderr`,
        )
      ).reason,
    ).toMatch(/: fetch batch$/);
  });

  it('is not taken for a remote shell, which would run ~/.bashrc', async () => {
    expect((await ask('test ! -S /dev/stdin && test ! -S /dev/stderr')).shouldBid).toBe(true);
    expect((await ask('echo "$-" >&2')).reason).toMatch(/: hBc$/);
  });

  it('need not read its stdin', async () => {
    const job = parse(spec({ Meta: { pad: 'x'.repeat(100_000) } }));
    expect((await ask('exec <&-; exit 0', job)).shouldBid).toBe(true);
  });

  it('sees nothing of the job as a command', async () => {
    const mark = join(dir, 'injected');
    const evil = `$(touch ${mark})\`touch ${mark}\`'"; touch ${mark}; #`;
    const job = parse(
      spec(
        { Name: evil, Env: { A: evil, [evil.replaceAll('=', '')]: 'x' }, Meta: { [evil]: evil } },
        { Name: evil },
      ),
    );
    expect(
      (
        await ask(
          `cat > /dev/null; echo "$BACALHAU_JOB_SELECTION_PROBE_DATA" | ${jobSays('Name')} > /dev/null`,
          job,
        )
      ).shouldBid,
    ).toBe(true);
    expect(existsSync(mark)).toBe(false);
  });

  it('that cannot be given the whole job refuses it: its script would see a job that asks for nothing', async () => {
    const fits = parse(spec({ Meta: { pad: 'x'.repeat(120_000) } }));
    const large = parse(spec({ Meta: { pad: 'x'.repeat(140_000) } }));
    expect((await ask('exit 0', fits)).shouldBid).toBe(true);
    expect(await ask('exit 0', large)).toEqual({
      shouldBid: false,
      reason: expect.stringContaining('larger than 128 KiB'),
    });
    // To the byte, as the kernel counts.
    const size = (job: Job) => Buffer.byteLength(JSON.stringify({ Job: job.spec }));
    const room =
      131_072 - 'BACALHAU_JOB_SELECTION_PROBE_DATA=\0'.length - size(parse(spec({ Meta: { pad: '' } })));
    expect((await ask('exit 0', parse(spec({ Meta: { pad: 'x'.repeat(room) } })))).shouldBid).toBe(true);
    expect((await ask('exit 0', parse(spec({ Meta: { pad: 'x'.repeat(room + 1) } })))).reason).toContain(
      'larger than',
    );
  });

  it('that does not exist, or cannot be started, refuses', async () => {
    expect((await ask('/nonexistent/probe')).reason).toContain('/nonexistent/probe');
    vi.stubEnv('PATH', '/nonexistent');
    expect(await ask('exit 0')).toMatchObject({
      shouldBid: false,
      reason: expect.stringContaining('cannot be started'),
    });
  });

  it('that dies refuses', async () => {
    expect(await ask('kill -SEGV $$')).toMatchObject({
      shouldBid: false,
      reason: expect.stringContaining('SIGSEGV'),
    });
  });

  it('that floods its stderr refuses, and is ended', async () => {
    const job = jobOn('HTTP', 'flood.example.com');
    expect(await ask('yes >&2', job)).toMatchObject({
      shouldBid: false,
      reason: expect.stringContaining('writes more than 65536 bytes'),
    });
    await eventually(() => processesWith('flood.example.com').length === 0);
    // As much on stdout is nobody's business.
    expect((await ask('yes | head -c 10000000; exit 0', job)).shouldBid).toBe(true);
  });

  it('that hangs refuses after its time, and is ended with all it started', async () => {
    const job = jobOn('HTTP', 'hang.example.com');
    const verdict = await ask('trap "" TERM; sleep 601 & sleep 602 & (sleep 603 &) ; cat; sleep 604', job, {
      probeTimeoutMs: 300,
    });
    expect(verdict).toEqual({
      shouldBid: false,
      reason: 'this node does not accept jobs while its exec probe does not answer within 0.3 s',
    });
    await eventually(() => processesWith('hang.example.com').length === 0);
  });

  it('that leaves processes behind answers at once, and they are ended', async () => {
    const job = jobOn('HTTP', 'fork.example.com');
    // They keep stderr open.
    const { shouldBid, reason } = await ask('sleep 605 & (sleep 606 &) ; echo done >&2; exit 0', job);
    expect([shouldBid, reason]).toEqual([true, expect.stringMatching(/: done$/)]);
    await eventually(() => processesWith('fork.example.com').length === 0);
  });

  it('is waited for no longer by a process that left its group and holds its stderr', async () => {
    const pid = join(dir, 'left.pid');
    expect(
      (
        await ask(
          `setsid bash -c 'echo $$ > ${pid}; exec sleep 600' & while ! test -s ${pid}; do sleep 0.01; done; exit 0`,
        )
      ).shouldBid,
    ).toBe(true);
    process.kill(Number(readFileSync(pid, 'utf8')), 'SIGKILL');
  });

  it('costs its own decision only: others go on beside one that hangs', async () => {
    const command = `if grep -q '"Name":"hang"'; then sleep 607; fi; exit 0`;
    const admission = createAdmission({ probeExec: command, probeTimeoutMs: 600_000, probeConcurrency: 2 });
    const hanging = admission.decide(parse(spec({}, { Name: 'hang' })));
    const others = await Promise.all(Array.from({ length: 6 }, () => admission.decide(HTTP)));
    expect(others.every(({ shouldBid }) => shouldBid)).toBe(true);
    await admission[Symbol.asyncDispose]();
    expect((await hanging).shouldBid).toBe(false);
  }, 60_000);

  it('runs a bounded number at once; who gets no turn is refused', async () => {
    const log = join(dir, 'turns');
    const go = join(dir, 'go');
    writeFileSync(log, '');
    await using two = createAdmission({
      probeExec: `echo + >> ${log}; while ! test -e ${go}; do sleep 0.01; done; echo - >> ${log}`,
      probeConcurrency: 2,
      probeTimeoutMs: 600_000,
    });
    const asked = Promise.all(Array.from({ length: 8 }, () => two.decide(HTTP)));
    await eventually(() => readFileSync(log, 'utf8') === '+\n+\n');
    writeFileSync(go, '');
    const verdicts = await asked;
    expect(verdicts.filter(({ shouldBid }) => shouldBid)).toHaveLength(8);
    let running = 0;
    let most = 0;
    for (const mark of readFileSync(log, 'utf8').trim().split('\n')) {
      running += mark === '+' ? 1 : -1;
      most = Math.max(most, running);
    }
    expect(most).toBe(2);

    await using one = createAdmission({ probeExec: 'sleep 68', probeConcurrency: 1, probeTimeoutMs: 300 });
    const [first, ...waiting] = await Promise.all(Array.from({ length: 4 }, () => one.decide(HTTP)));
    expect(first?.reason).toContain('does not answer');
    expect(waiting.some(({ reason }) => reason.includes('is busy'))).toBe(true);
  });

  it('is not asked about a job without a spec: it would see one that asks for nothing', async () => {
    expect((await ask('exit 0', { ...HTTP, spec: undefined })).reason).toContain('the job has no spec');
    const circular: Record<string, unknown> = {};
    circular.self = circular;
    expect((await ask('exit 0', { ...HTTP, spec: circular })).shouldBid).toBe(false);
  });

  it('is ended when admission closes', async () => {
    const job = jobOn('HTTP', 'closing.example.com');
    const admission = createAdmission({ probeExec: 'sleep 69' });
    const verdict = admission.decide(job);
    await eventually(() => processesWith('closing.example.com').length > 0);
    await admission.close();
    expect((await verdict).shouldBid).toBe(false);
    await eventually(() => processesWith('closing.example.com').length === 0);
    expect((await admission.decide(job)).shouldBid).toBe(false);
  });

  it('is asked about a job that another rule refuses as well, and both are told', async () => {
    const { shouldBid, reason } = await ask('echo too late >&2; exit 1', HTTP, { rejectNetworkedJobs: true });
    expect(shouldBid).toBe(false);
    expect(reason).toMatch(/^this node does not accept jobs that need a network .*; .*refuses: too late$/);
    // Its yes does not outweigh the other's no.
    expect((await ask('exit 0', HTTP, { rejectNetworkedJobs: true })).shouldBid).toBe(false);
    expect((await ask('exit 0', HTTP)).shouldBid).toBe(true);
  });
});

const hasJq = spawnSync('jq', ['--version']).status === 0;

describe.runIf(hasJq)('a probe script that compares domains with a list through jq', () => {
  let script: string;
  beforeAll(() => {
    script = join(dir, 'domains.sh');
    writeFileSync(
      join(dir, 'domains.txt'),
      '# what jobs may reach\n\nexample.com\nproxy.golang.org\n.example.org\n',
    );
    writeFileSync(
      script,
      `#!/usr/bin/env bash
set -euo pipefail
cd "$(dirname "$0")"

network=$(jq -r '.Job.Tasks[].Network.Type' <<< "$BACALHAU_JOB_SELECTION_PROBE_DATA")
case "$network" in
  HTTP | None) ;;
  *) echo "only HTTP and None, not $network" >&2; exit 1 ;;
esac

wanted=$(jq -r '.Job.Tasks[].Network.Domains[]?' | sort -u)
refused=$(comm -13 <(grep -v '#' domains.txt | sort -u) <(echo "$wanted"))
if [ -n "$refused" ]; then
  echo "domains not on the list:" $refused >&2
  exit 1
fi
`,
    );
    chmodSync(script, 0o755);
  });

  it.each([
    [jobOn('None'), true],
    [jobOn('HTTP', 'example.com'), true],
    [jobOn('http', ' EXAMPLE.com', 'proxy.golang.org'), true],
    [jobOn('HTTP', 'malware.example.net'), false],
    [jobOn('HTTP', 'malware.example.net', 'proxy.golang.org'), false],
    [jobOn('Host'), false],
    [jobOn('Full'), false],
    [jobOn('bridge'), false],
    // What the script reads is what is enforced, however the job spells it.
    [parse({ tasks: [{ network: { type: 'http', domains: ['malware.example.net'] } }] }), false],
    [parse({ tasks: [{ network: { type: 'full' } }] }), false],
    [
      parse({
        node_id: 'n',
        job_id: 'j',
        spec: { Network: { Type: 'HTTP', Domains: ['malware.example.net'] } },
      }),
      false,
    ],
    [
      parse({ node_id: 'n', job_id: 'j', spec: { Network: { Type: 'HTTP', Domains: ['example.com'] } } }),
      true,
    ],
  ])('%#', async (job, shouldBid) => {
    const verdict = await ask(script, job);
    expect(verdict.shouldBid).toBe(shouldBid);
    if (!shouldBid)
      expect(verdict.reason).toMatch(
        /only HTTP and None, not (Host|Bridge)|on the list: malware.example.net/,
      );
  });
});
