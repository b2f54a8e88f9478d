import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type CliOptions, type CliResult, cli } from '../support/cli.js';
import { debianBinary } from '../support/debian-binary.js';
import { describeE2e } from '../support/e2e.js';
import { buildJobImage, projectRoot } from '../support/engine.js';
import { CA_FILE, type Stage, startStage } from '../support/stage.js';

const IMAGE = 'jobgate-clients:local';
const nodeModules = join(dirname(realpathSync(process.execPath)), '../lib/node_modules');

/** A client: what it needs of this machine, and the command that prints what URL answers, or fails. */
interface Client {
  readonly name: string;
  readonly program: string;
  readonly command: (url: string) => string;
}

const python = 'import sys, urllib.request as r; sys.stdout.write(r.urlopen(sys.argv[1]).read().decode())';
const undici = `const { fetch, EnvHttpProxyAgent, setGlobalDispatcher } = require("/undici");
  setGlobalDispatcher(new EnvHttpProxyAgent());
  fetch(process.argv[1]).then(async (r) => { process.stdout.write(await r.text()); process.exitCode = r.ok ? 0 : 1; });`;
const nodeFetch = `fetch(process.argv[1])
  .then(async (r) => { process.stdout.write(await r.text()); process.exitCode = r.ok ? 0 : 1; });`;
const aptDirs = 'mkdir -p /var/lib/dpkg /etc/apt/apt.conf.d && touch /var/lib/dpkg/status';

const clients: Client[] = [
  { name: 'curl', program: 'curl', command: (url) => `curl -sSf ${url}` },
  { name: 'GNU wget', program: 'wget', command: (url) => `wget -q -O- --ca-certificate=${CA_FILE} ${url}` },
  { name: 'Python urllib', program: 'python3', command: (url) => `python3 -c '${python}' ${url}` },
  { name: "undici's EnvHttpProxyAgent", program: 'node', command: (url) => `node -e '${undici}' ${url}` },
  {
    name: 'apt',
    program: 'apt-get',
    command: (url) =>
      `{ ${aptDirs} && /usr/lib/apt/apt-helper -q -o APT::Sandbox::User=root -o Acquire::Retries=0 -o Acquire::https::CaInfo=${CA_FILE} \
        download-file ${url} /tmp/apt >/dev/null && cat /tmp/apt; rc=$?; rm -f /tmp/apt; [ $rc = 0 ]; }`,
  },
];

function has(program: string): boolean {
  try {
    execFileSync('bash', ['-c', `type -P ${program}`], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** Node's own fetch reads the proxy variables from 22.21 and 24 on. */
function fetchReadsProxyVariables(): boolean {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  return major >= 24 || (major === 22 && minor >= 21);
}

describeE2e('what real clients do inside a job', () => {
  let stage: Stage;
  let folder: string;
  let caFile: string;

  beforeAll(async () => {
    buildJobImage([...new Set([...clients.map(({ program }) => program), 'git', 'node'])], IMAGE);
    folder = mkdtempSync(join(tmpdir(), 'jobgate-clients-'));
    caFile = join(folder, 'ca.pem');
    stage = await startStage({
      'example.com': {},
      'git.example.com': { folder },
      'registry.example.com': { folder },
      'other.com': {},
    });
    writeFileSync(caFile, stage.net.caPem);
  });
  afterAll(async () => {
    await stage[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  async function job(
    script: string,
    options: readonly string[] = [],
    env: CliOptions['env'] = {},
  ): Promise<CliResult> {
    const trust = ['SSL_CERT_FILE', 'NODE_EXTRA_CA_CERTS', 'GIT_SSL_CAINFO'].flatMap((n) => [
      '-e',
      `${n}=${CA_FILE}`,
    ]);
    const own = ['--pull', 'never', '--domain', '.example.com', '--timeout', '60s', ...options];
    return cli(['run', ...stage.options, ...trust, ...own, IMAGE, 'bash', '-c', script], { env });
  }

  /** Runs the command for an allowed and a refused host; with either scheme unless told otherwise. */
  async function expectAllowedAndRefused(
    command: Client['command'],
    options?: readonly string[],
  ): Promise<void> {
    await stage.net.forget();
    const urls = ['https://example.com/', 'http://example.com/', 'https://other.com/', 'http://other.com/'];
    const script = urls.map((url) => `out=$(${command(url)}); echo "[$? $out]"`).join('\n');
    const { stdout, stderr } = await job(script, options);
    const [https, http, ...refused] = stdout.split('\n').filter((line) => line.startsWith('['));
    expect([https, http], stderr).toEqual(['[0 hello from example.com]', '[0 hello from example.com]']);
    expect(refused).toHaveLength(2);
    for (const line of refused) expect(line).not.toMatch(/^\[0 |hello/);
    const hosts = new Set((await stage.net.seen()).map(({ address }) => address));
    expect([...hosts]).toEqual([stage.net.addresses['example.com']]);
    expect(stderr).toMatch(/other\.com:443 .*domain-not-allowed/);
    expect(stderr).toMatch(/other\.com:80 .*domain-not-allowed|other\.com:443/);
  }

  for (const { name, program, command } of clients) {
    it.runIf(has(program))(`${name} reaches what is allowed, over HTTPS and HTTP, and not the rest`, () =>
      expectAllowedAndRefused(command, ['-v', `${projectRoot}node_modules/undici:/undici:ro`]),
    );
  }

  // With a proxy set it sends `GET https://…` to it in the clear, where others make a tunnel.
  it('BusyBox wget reaches what is allowed; the proxy verifies TLS in its place', async (context) => {
    const busybox = await debianBinary('busybox');
    if (busybox === undefined) return context.skip();
    const mount = ['-v', `${busybox}:/busybox:ro`];
    const get = (url: string) => `/busybox wget -q -O- ${url} 2>&1; echo "[$?]"`;
    const urls = ['http://example.com/', 'https://example.com/', 'http://other.com/', 'https://other.com/'];
    const script = urls.map(get).join('\n');
    const hello = 'hello from example\\.com\n\\[0\\]\n';
    const refused = '.* 403 jobgate: domain-not-allowed\n\\[1\\]\n';
    const known = await job(script, mount, { JOBGATE_TRUSTED_CERTIFICATES_FILE: caFile });
    expect(known.stdout, known.stderr).toMatch(new RegExp(`^${hello}${hello}${refused}${refused}$`));
    const unknown = await job(script, mount);
    expect(unknown.stdout).toMatch(
      new RegExp(`^${hello}.* 502 jobgate: certificate-not-valid\n\\[1\\]\n${refused}${refused}$`),
    );
  });

  it.runIf(fetchReadsProxyVariables())("Node's own fetch reads the proxy variables", () =>
    expectAllowedAndRefused((url) => `node -e '${nodeFetch}' ${url}`),
  );

  it.runIf(has('git'))('git clones over HTTPS from an allowed host, and not from another', async () => {
    const git = (...args: string[]) =>
      execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@example.com', ...args], {
        env: { ...process.env, GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_SYSTEM: '/dev/null' },
        stdio: 'pipe',
      });
    const work = join(folder, 'work');
    git('init', '-q', work);
    writeFileSync(join(work, 'hello.txt'), 'from git\n');
    git('-C', work, 'add', '.');
    git('-C', work, 'commit', '-q', '-m', 'first');
    git('clone', '-q', '--bare', work, join(folder, 'repo.git'));
    git('-C', join(folder, 'repo.git'), 'update-server-info');
    const { stdout, stderr } = await job(`
      git clone -q https://git.example.com/files/repo.git /tmp/a && cat /tmp/a/hello.txt
      git clone -q https://other.com/files/repo.git /tmp/b || echo refused`);
    expect(stdout, stderr).toBe('from git\nrefused\n');
  });

  it.runIf(has('npm'))('npm reads from an allowed registry, and not from another', async () => {
    mkdirSync(join(folder, 'npm'));
    const document = {
      name: 'left',
      'dist-tags': { latest: '1.2.3' },
      versions: { '1.2.3': { name: 'left', version: '1.2.3' } },
    };
    writeFileSync(join(folder, 'npm/left'), JSON.stringify(document));
    const view = (registry: string) =>
      `node /modules/npm/bin/npm-cli.js view left version --fetch-retries=0 --registry=${registry}/files/npm/ 2>/dev/null`;
    const { stdout, stderr } = await job(
      `${view('https://registry.example.com')}; ${view('http://registry.example.com')}
       ${view('https://other.com')} >/dev/null || echo refused`,
      ['-v', `${nodeModules}:/modules:ro`],
    );
    expect(stdout, stderr).toBe('1.2.3\n1.2.3\nrefused\n');
  });

  it('an upload that waits for 100-continue goes through whole', async () => {
    const post = (url: string) => `curl -sSf -H 'Expect: 100-continue' -T /tmp/up -X POST ${url}/upload`;
    const { stdout, stderr } = await job(`
      head -c 2000000 /dev/zero >/tmp/up
      ${post('https://example.com')}; ${post('http://example.com')}`);
    expect(stdout, stderr).toBe('{"bytes":2000000}\n{"bytes":2000000}\n');
  });

  it('a connection is kept for several requests, and a tunnel too', async () => {
    const { stdout, stderr } = await job(`
      curl -sSf -w '%{num_connects}\\n' http://example.com/ http://example.com/headers -o /dev/null -o /dev/null
      curl -sSf -w '%{num_connects}\\n' https://example.com/ https://example.com/headers -o /dev/null -o /dev/null`);
    expect(stdout, stderr).toBe('1\n0\n1\n0\n');
  });

  it('a client that is told nothing of the proxy gets nowhere', async () => {
    const { stdout } = await job(`
      unset http_proxy https_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY all_proxy
      curl -sS -m 2 --resolve example.com:443:${stage.net.addresses['example.com']} https://example.com/ || echo nowhere`);
    expect(stdout).toBe('nowhere\n');
  });
});
