import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { JobLog } from '../../../src/service/job-log.js';
import type { ServedJob } from '../../../src/service/jobs.js';
import { Cleanup } from '../../support/cleanup.js';
import { startCli } from '../../support/cli.js';
import { cliHere } from '../../support/cli-here.js';
import { CLI } from '../../support/engine.js';
import { ask } from '../../support/serve.js';
import { startService, type TestService } from '../../support/service.js';

const TOKEN = 'a-token-of-some-length';

/** Real proxies, the real API, and the command line that was built. */
describe('a serve that runs, from a terminal', () => {
  const suite = new Cleanup();
  let served: TestService;
  let folder: string;
  let env: Record<string, string>;
  const headers = { authorization: `Bearer ${TOKEN}` };
  const jobgate = (...args: string[]) => cliHere(args, { env });
  const ids: Record<string, string> = {};

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'jobgate-client-'));
    suite.add(() => rmSync(folder, { recursive: true }));
    const tokenFile = join(folder, 'token');
    writeFileSync(tokenFile, `${TOKEN}\n`, { mode: 0o600 });
    served = suite.use(await startService({ stateDirectory: folder }, { token: TOKEN }));
    env = { JOBGATE_LISTEN: `127.0.0.1:${served.port}`, JOBGATE_TOKEN_FILE: tokenFile };
    for (const [jobId, executionId] of [['fetch'], ['train', 'e-1'], ['train', 'e-2'], ['ended']]) {
      const body = { jobId, ...(executionId && { executionId }), network: { Domains: ['example.com'] } };
      const opened = await ask(served.port, '/v1/gateways', { body, headers });
      expect(opened.status).toBe(201);
      ids[executionId ?? jobId ?? ''] = opened.body.id;
    }
    expect(await through('fetch', 'evil.test')).toBe(403);
    expect(await through('ended', 'other.test')).toBe(403);
    await ask(served.port, `/v1/gateways/${ids.ended}`, { method: 'DELETE', headers });
  });
  afterAll(() => suite[Symbol.asyncDispose]());

  /** Asks the proxy of a gateway for a host. @returns the status */
  function through(name: string, host: string): Promise<number> {
    const { port } = served.gateways.proxies.get(ids[name] ?? '') ?? { port: 0 };
    return new Promise((resolve, reject) => {
      const asked = request({
        port,
        host: '127.0.0.1',
        path: `http://${host}/`,
        headers: { host },
        agent: false,
      });
      asked.once('response', (response) => resolve(response.resume().statusCode ?? 0));
      asked.once('error', reject);
      asked.end();
    });
  }

  it('ps shows what runs; --all what has ended as well', async () => {
    const { stdout, code } = await jobgate('ps');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^fetch +open +\d+s +\S+ +\S+ +1 +evil\.test:80$/m);
    expect(stdout).not.toContain('ended');
    const all = await jobgate('ps', '--all', '--json');
    expect(JSON.parse(all.stdout)).toMatchObject([
      {
        job: 'fetch',
        gateway: ids.fetch,
        state: 'open',
        refused: 1,
        topRefused: { host: 'evil.test', count: 1 },
      },
      ...[{ job: 'train' }, { job: 'train' }],
      {
        job: 'ended',
        state: 'closed',
        ended: expect.stringMatching(/Z$/),
        topRefused: { host: 'other.test' },
      },
    ]);
    expect((await jobgate('ps', '-q')).stdout.split('\n')).toContain(ids.fetch);
  });

  it('allow lets a running job reach more, deny less', async () => {
    expect(await jobgate('allow', 'fetch', 'one.invalid', '.two.invalid')).toMatchObject({
      code: 0,
      stdout: 'fetch may reach one.invalid, .two.invalid\n',
    });
    const reached = await through('fetch', 'one.invalid');
    expect(reached).not.toBe(403); // it is no name that resolves
    expect(await jobgate('deny', 'fet', 'one.invalid')).toMatchObject({
      code: 0,
      stdout: 'fetch is refused one.invalid\n',
    });
    expect(await through('fetch', 'one.invalid')).toBe(403);
    const until = await jobgate('allow', 'fetch', 'three.invalid', '--expires', '2h');
    expect(until.stdout).toBe('fetch may reach three.invalid, for 2h\n');
    const { body } = await ask(served.port, `/v1/gateways/${ids.fetch}`, { headers });
    expect(body.expiries).toMatchObject([{ domain: 'three.invalid' }]);
  });

  it.each<[string, string[], number, RegExp]>([
    ['an id of none', ['deny', 'nope', 'a.test'], 64, /^jobgate: nope: there is no job/],
    ['an id of several', ['allow', 'train', 'a.test'], 64, /train: which of them\? .*e-1.*e-2/],
    ['what is no domain', ['allow', 'fetch', 'a.test,b.test'], 64, /allow\[0\]: .*comma/],
    ['what has ended', ['close', 'ended'], 64, /ended .* has ended already/],
    ['output that serve has not', ['logs', 'fetch'], 64, /serve does not run this job/],
    [
      'no serve',
      ['ps', '--listen', 'unix:/nowhere/jobgate.sock'],
      125,
      /no jobgate serve answers at unix:\/nowhere/,
    ],
    ['a token that is wrong', ['ps', '--token-file', '/dev/null'], 64, /token-file/],
    ['types that there are not', ['events', '--types', 'decisions'], 64, /did you mean decision\?/],
  ])('%s is one line that says what to do', async (_what, args, code, says) => {
    const { stdout, stderr, ...result } = await jobgate(...args);
    expect({ code: result.code, stdout }).toEqual({ code, stdout: '' });
    expect(stderr).toMatch(says);
    expect(stderr.trim().split('\n')).toHaveLength(1);
  });

  it('events tells what was, and what comes', async () => {
    const was = await jobgate(
      'events',
      'fetch',
      '--since',
      '1h',
      '--no-follow',
      '--types',
      'decision,gateway',
    );
    expect(was.stdout).toMatch(/^\d\d:\d\d:\d\d denied GET evil\.test:80 domain-not-allowed \(fetch\)$/m);
    expect(was.stdout).not.toContain('train');
    const json = await jobgate('events', 'ended', '--since', '1h', '--no-follow', '--json');
    const events = json.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(events.map(({ type }) => type)).toEqual(['gateway', 'decision', 'gateway']);

    const live = startCli(['events', '--types', 'decision'], { env, stdin: '' });
    suite.add(() => live.child.kill('SIGKILL'));
    await vi.waitFor(async () => {
      await through('fetch', 'live.test');
      expect(live.stdout).toContain('denied GET live.test:80');
    });
    live.child.kill('SIGINT');
    expect(await live.done).toMatchObject({ code: 0, stderr: '' });
  });

  it('logs shows the output of a job that serve runs, on a terminal without what that would obey', async () => {
    const log = new JobLog();
    log.sink('stdout').write(Buffer.from('hello \x1b[31mred\n'));
    log.end();
    const view = () => ({ id: 'own', state: 'ended', created: new Date().toISOString() });
    const job = { log, state: 'ended', ids: { job: 'own' }, view } as unknown as ServedJob;
    vi.spyOn(served.service.jobs, 'list').mockReturnValue([job]);
    vi.spyOn(served.service.jobs, 'get').mockReturnValue(job);
    expect((await jobgate('logs', 'ow')).stdout).toBe('hello \x1b[31mred\n');
    const before = Object.getOwnPropertyDescriptor(process.stdout, 'isTTY');
    Object.defineProperty(process.stdout, 'isTTY', { value: true, configurable: true });
    try {
      expect((await jobgate('logs', 'own')).stdout).toBe('hello \\x1b[31mred\n');
      expect((await jobgate('logs', 'own', '--raw')).stdout).toBe('hello \x1b[31mred\n');
    } finally {
      if (before) Object.defineProperty(process.stdout, 'isTTY', before);
      else Reflect.deleteProperty(process.stdout, 'isTTY');
    }
  });

  it('close closes', async () => {
    expect(await jobgate('close', 'e-2')).toMatchObject({ code: 0, stdout: 'train: closed\n' });
    const { body } = await ask(served.port, '/v1/gateways?job=train', { headers });
    expect(body.gateways).toMatchObject([{ executionId: 'e-1' }]);
  });

  describe('completion', () => {
    /** What a shell that has read the script would offer. */
    async function offered(...line: string[]): Promise<string[]> {
      const { stdout: script } = await jobgate('completion', 'bash');
      const words = line.map((word) => `'${word}'`).join(' ');
      const ask = `jobgate() { '${process.execPath}' '${CLI}' "$@"; }
COMP_WORDS=(jobgate ${words}); COMP_CWORD=${line.length}
_jobgate; printf '%s\\n' "\${COMPREPLY[@]}"`;
      const child = spawn('bash', ['-c', `${script}\n${ask}`], { env: { ...process.env, ...env } });
      let text = '';
      for await (const piece of child.stdout.setEncoding('utf8')) text += piece;
      return text.trim().split('\n');
    }

    it('knows commands, options, and the ids of jobs', async () => {
      expect(await offered('e')).toEqual(['events']);
      expect(await offered('ps', '--a')).toEqual(['--all']);
      expect(await offered('deny', 'fe')).toEqual(['fetch']);
      expect(await offered('run', 'fe')).toEqual(['']);
    });

    it('takes no more than a moment where serve does not answer', async () => {
      const { code, stdout } = await cliHere(['completion', 'ids'], {
        env: { JOBGATE_LISTEN: 'unix:/nowhere/jobgate.sock' },
      });
      expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
    });

    it.each(['bash', 'zsh', 'fish'])('is a script that %s reads, where it is here', async (shell) => {
      const { stdout } = await jobgate('completion', shell);
      expect(stdout).toContain('completion ids');
      for (const command of ['run', 'allow', 'completion']) expect(stdout).toContain(command);
      const read = spawnSync(shell, ['-n'], { input: stdout, encoding: 'utf8' });
      if (!read.error) expect(read).toMatchObject({ status: 0, stderr: '' });
    });
  });
});
