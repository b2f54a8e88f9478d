import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type CliOptions, type CliResult, runJob } from './cli.js';
import { type HostSpec, type Internet, startInternet } from './internet.js';

/** The small internet, and jobs that know its DNS server and its CA. */
export interface Stage extends AsyncDisposable {
  readonly net: Internet;
  /** Options of `jobgate run` for every job here. */
  readonly options: readonly string[];
  /** Runs a bash script as a job: `jobgate run --dns … OPTIONS IMAGE bash -c SCRIPT`. curl trusts the CA. */
  job(options: readonly string[], script: string, more?: CliOptions): Promise<CliResult>;
}

/** Where the CA stands in the job's container. */
export const CA_FILE = '/ca.pem';

export async function startStage(hosts: Readonly<Record<string, HostSpec>>): Promise<Stage> {
  const net = await startInternet({ hosts });
  const dir = mkdtempSync(join(tmpdir(), 'jobgate-stage-'));
  const ca = join(dir, 'ca.pem');
  writeFileSync(ca, net.caPem, { mode: 0o644 });
  const options = ['--dns', net.dns, '-v', `${ca}:${CA_FILE}:ro`, '-e', `CURL_CA_BUNDLE=${CA_FILE}`];
  return {
    net,
    options,
    job: (own, script, more) => runJob([...options, ...own], script, more),
    async [Symbol.asyncDispose]() {
      await net.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** A line of a script: prints `NAME: exit code of curl, status, time`. */
export function curlLine(name: string, ...args: string[]): string {
  const quoted = args.map((arg) => `'${arg}'`).join(' ');
  return `printf '%s ' ${name}; curl -sS -o /dev/null -m 10 -w '%{http_code} %{http_connect} %{time_total}' ${quoted} 2>/dev/null; echo " rc=$?"`;
}

/** What the lines of `curlLine` said, by name. */
export function curlResults(
  stdout: string,
): Record<string, { status: number; connect: number; seconds: number; rc: number }> {
  const results: Record<string, { status: number; connect: number; seconds: number; rc: number }> = {};
  for (const match of stdout.matchAll(/^(\S+) (\d+) (\d+) ([\d.]+) rc=(\d+)$/gm)) {
    const [, name = '', status, connect, seconds, rc] = match;
    results[name] = {
      status: Number(status),
      connect: Number(connect),
      seconds: Number(seconds),
      rc: Number(rc),
    };
  }
  return results;
}
