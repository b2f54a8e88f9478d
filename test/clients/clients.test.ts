import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CliResult, cli } from '../support/cli.js';
import { projectRoot } from '../support/engine.js';
import { type Internet, startInternet } from '../support/internet.js';
import { BIN, NPM, ROOT } from './provide.js';
import { type Row, refreshed } from './report.js';
import { serveFiles } from './served.js';
import { type Case, CLIENTS, type Client } from './table.js';

const IMAGE = 'jobgate-clients:local';
/** Whether a program that knows of no proxy gets anywhere. */
const NAMES_SERVED = true;
const CA = '/etc/ssl/certs/ca-certificates.crt';

const HOSTS: Readonly<Record<Case, string>> = {
  http: 'http://example.com/',
  https: 'https://example.com/',
  ws: 'ws://example.com/',
  wss: 'wss://example.com/',
  grpc: 'https://grpc.example.com/',
  own: 'https://grpc.example.com:8443/',
};
const SAYS: Readonly<Record<Case, RegExp>> = {
  http: /hello from example\.com/,
  https: /hello from example\.com/,
  ws: /heard hello/,
  wss: /heard hello/,
  grpc: /hello/,
  own: /hello/,
};

/** Prints `@NAME CODE MS OUTPUT` for a try. */
const TRY = `
try() {
  local begin=\${EPOCHREALTIME/./} out code
  export URL=$2
  out=$(timeout 60 bash -c "$COMMAND" 2>/tmp/err </dev/null); code=$?
  printf '@%s %s %s %s\\n' "$1" $code $(((\${EPOCHREALTIME/./} - begin) / 1000)) "$(printf %s "$out" | tr '\\n' ' ' | cut -c1-200)"
  [ $code = 0 ] || { echo "--- $1"; tail -c 1500 /tmp/err; } >&2
}`;

/** All that the job was given to find its proxy. */
const FORGET =
  'for name in $(compgen -e); do case $name in *_proxy|*_PROXY|NODE_USE_ENV_PROXY|JAVA_TOOL_OPTIONS|JOBGATE) unset "$name" ;; esac; done';

describe('real clients in a job', () => {
  let net: Internet;
  let folder: string;
  const rows: Row[] = [];

  beforeAll(async () => {
    const { DOCKER_HOST } = process.env;
    // What stays of it is mounted.
    execFileSync(
      'bash',
      [
        '-c',
        `tar -C '${ROOT}' --exclude=./usr -cf - . | docker import --change 'ENV PATH=/usr/bin:/bin' - ${IMAGE}`,
      ],
      {
        env: { ...process.env, DOCKER_HOST },
        stdio: ['ignore', 'ignore', 'inherit'],
      },
    );
    folder = mkdtempSync(join(tmpdir(), 'jobgate-clients-'));
    serveFiles(folder);
    const services = { 80: 'http', 443: 'grpc', 8443: 'grpc' } as const;
    net = await startInternet({
      hosts: { 'example.com': { folder }, 'grpc.example.com': { services }, 'other.com': { folder } },
    });
    writeFileSync(join(folder, 'ca.pem'), net.caPem);
  });
  afterAll(async () => {
    await net?.close();
    rmSync(folder, { recursive: true, force: true });
    execFileSync('docker', ['rmi', '-f', IMAGE], { stdio: 'ignore' });
    if (process.env.TEST_CLIENTS === 'docs' && rows.length === CLIENTS.length) {
      const page = `${projectRoot}docs/clients.md`;
      writeFileSync(page, refreshed(readFileSync(page, 'utf8'), rows));
    }
  });

  async function job(client: Client, script: readonly string[]): Promise<CliResult> {
    const mounts = [
      [`${ROOT}/usr`, '/usr'],
      [join(NPM, 'node_modules'), '/clients/node_modules'],
      [BIN, '/clients/bin'],
      [`${projectRoot}test/clients/programs`, '/clients/programs'],
      [folder, '/served'],
      [join(folder, 'ca.pem'), CA],
    ].flatMap(([source, target]) => ['-v', `${source}:${target}:ro`]);
    const trust = ['SSL_CERT_FILE', 'NODE_EXTRA_CA_CERTS', 'REQUESTS_CA_BUNDLE', 'CARGO_HTTP_CAINFO'];
    const env = [...trust.map((name) => `${name}=${CA}`), `COMMAND=${client.command}`];
    const options = ['--pull', 'never', '--dns', net.dns, '--timeout', '600s'];
    const domains = ['--domain', '.example.com', '--domain', 'grpc.example.com:8443'];
    return cli(
      [
        'run',
        ...options,
        ...domains,
        ...mounts,
        ...env.flatMap((one) => ['-e', one]),
        IMAGE,
        'bash',
        '-c',
        [TRY, ...script].join('\n'),
      ],
      { env: { JOBGATE_TRUSTED_CERTIFICATES_FILE: join(folder, 'ca.pem') } },
    );
  }

  it.each(CLIENTS)('$name', async (client) => {
    const cells: Record<string, string> = {};
    let version = '';
    for (const way of ['with', 'without'] as const) {
      await net.forget();
      const refused = client.cases.map(
        (one) => [`no-${one}`, HOSTS[one].replace(/(grpc\.)?example\.com/, 'other.com')] as const,
      );
      const asked = [...client.cases.map((one) => [one, HOSTS[one]] as const), ...refused];
      const tries = asked.map(([name, url]) => `try ${name} ${url}`);
      const script = [
        `echo "version $({ ${client.version}; } 2>/dev/null | head -3 | tr '\\n' ' ')"`,
        ...tries,
      ];
      const { stdout, stderr } = await job(client, way === 'with' ? script : [FORGET, ...script]);
      version = /^version (.*)/m.exec(stdout)?.[1] ?? '';
      const results = new Map(
        [...stdout.matchAll(/^@(\S+) (\d+) (\d+) (.*)$/gm)].map(([, name = '', code, ms, text = '']) => [
          name,
          { code: Number(code), ms: Number(ms), text },
        ]),
      );
      const works = client.cases.filter((one) => {
        const { code, text = '' } = results.get(one) ?? {};
        return code === 0 && SAYS[one].test(text);
      });
      const served = NAMES_SERVED ? client.cases : [];
      const expected =
        way === 'with' ? client.cases.filter((one) => !client.direct?.includes(one) || NAMES_SERVED) : served;
      expect.soft(works, `${way}: ${stdout}${stderr}`).toEqual(expected);
      for (const [name] of refused) {
        const { code, text } = results.get(name) ?? {};
        expect
          .soft(`${code} ${text}`, `${way} ${name}: ${stderr}`)
          .not.toMatch(/^0 |^undefined|hello from|heard/);
      }
      const slowest = Math.max(...refused.map(([name]) => results.get(name)?.ms ?? Number.NaN));
      const reached = new Set((await net.seen()).map(({ address }) => address));
      expect.soft(reached).not.toContain(net.addresses['other.com']);
      cells[way] =
        `${works.map(spoken).join(', ') || 'nothing'}; refused in ${(slowest / 1000).toFixed(1)} s`;
    }
    rows.push({
      name: client.name,
      version: /\d+(?:\.\d+)+/.exec(version)?.[0] ?? version,
      ...(cells as { with: string; without: string }),
    });
    process.stderr.write(`${client.name}: ${JSON.stringify(rows.at(-1))}\n`);
  });
});

const spoken = (one: Case) => (({ grpc: 'gRPC', own: 'gRPC on 8443' }) as Record<string, string>)[one] ?? one;
