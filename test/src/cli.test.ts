import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cli, startCli } from '../support/cli.js';
import { cliHere } from '../support/cli-here.js';
import { CLI } from '../support/engine.js';
import { ask } from '../support/serve.js';

/** Below, ports are for those with a privilege. */
const PRIVILEGED_PORTS = Number(readFileSync('/proc/sys/net/ipv4/ip_unprivileged_port_start', 'utf8'));

let dir: string;
const file = (name: string, content: string) => {
  writeFileSync(join(dir, name), content);
  return join(dir, name);
};
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'jobgate-cli-'));
});
afterAll(() => rmSync(dir, { recursive: true }));

describe('bad input is one clear line with what to do', () => {
  const cases: readonly (readonly [name: string, args: string[], code: number, says: RegExp])[] = [
    ['no image', ['run'], 64, /no IMAGE/],
    ['an unknown option', ['run', '--nope', 'x'], 64, /unknown option '--nope'/],
    ['an unknown command', ['nope'], 64, /unknown command 'nope'/],
    ['an invalid domain', ['run', '--domain', '*.example.com', 'x'], 64, /--domain.*\.example\.com/],
    ['a URL as domain', ['run', '--domain', 'https://example.com/', 'x'], 64, /--domain.*example\.com/],
    ['two domains in one', ['run', '--domain', 'a.example,b.example', 'x'], 64, /repeat --domain/],
    ['a domain in other letters', ['run', '--domain', 'münchen.de', 'x'], 64, /write xn--mnchen-3ya\.de/],
    ['a terminal', ['run', '-it', 'x'], 64, /-t: jobs have no terminal: use -i/],
    ['a job in the background', ['run', '-d', 'x'], 64, /-d: run waits for its job/],
    ['a published port', ['run', '-p', '80:80', 'x'], 64, /-p: nobody reaches a job/],
    ['a name and another id', ['run', '--name', 'a', '--job-id', 'b', 'x'], 64, /leave one of them out/],
    ['an invalid name', ['run', '--name', 'a/b', 'x'], 64, /--name "a\/b"/],
    ['a misspelt command', ['pss'], 64, /unknown command 'pss' \(Did you mean ps\?\)/],
    ['a domain with one label', ['run', '--domain', 'localhost', 'x'], 64, /--domain/],
    ['http without a domain', ['run', '--network', 'http', 'x'], 64, /--domain/],
    [
      'domains without http',
      ['run', '--network', 'bridge', '--domain', 'example.com', 'x'],
      64,
      /--domain|--network/,
    ],
    ['an unknown network type', ['run', '--network', 'mesh', 'x'], 64, /--network.*mesh/],
    ['an invalid rate', ['run', '--rate', 'fast', '--domain', 'example.com', 'x'], 64, /--rate.*10mbit/],
    ['a rate of zero', ['run', '--rate', '0', '--domain', 'example.com', 'x'], 64, /--rate/],
    [
      'an invalid CIDR',
      ['run', '--allow-address', '10.0.0.0/33', '--domain', 'example.com', 'x'],
      64,
      /--allow-address.*10\.0\.0\.0\/33/,
    ],
    ['an invalid deny', ['run', '--deny', 'http://x', '--domain', 'example.com', 'x'], 64, /--deny/],
    [
      'an invalid host',
      ['run', '--add-host', 'example.com', '--domain', 'example.com', 'x'],
      64,
      /--add-host/,
    ],
    ['an invalid DNS server', ['run', '--dns', 'dns.example', '--domain', 'example.com', 'x'], 64, /--dns/],
    [
      'an invalid upstream',
      ['run', '--upstream', 'ftp://x', '--domain', 'example.com', 'x'],
      64,
      /--upstream/,
    ],
    ['an invalid id', ['run', '--job-id', 'a/b', 'x'], 64, /--job-id/],
    ['an invalid timeout', ['run', '--timeout', '1d', 'x'], 64, /--timeout 1d.*30m/],
    ['an invalid memory limit', ['run', '--memory', 'much', 'x'], 64, /--memory/],
    ['an invalid CPU limit', ['run', '--cpus', 'all', 'x'], 64, /--cpus/],
    ['a mount that is none', ['run', '-v', '/a', 'x'], 64, /--volume \/a.*SRC:DST/],
    ['a mount of what is not there', ['run', '-v', '/does/not/exist:/a', 'x'], 64, /does not exist/],
    ['a job file that is not there', ['run', '--job', '/does/not/exist'], 64, /--job \/does\/not\/exist/],
    [
      'a config file that is not there',
      ['run', '--config', '/does/not/exist', 'x'],
      64,
      /\/does\/not\/exist/,
    ],
    ['an unknown log level', ['run', '--log-level', 'loud', 'x'], 64, /--log-level.*info/],
    [
      'a proxy beyond loopback for everyone',
      ['proxy', '--domain', 'example.com', '--listen', '0.0.0.0:0'],
      64,
      /--allow-client/,
    ],
    ['a proxy that reaches nothing', ['proxy'], 64, /--domain/],
    [
      'an address that is none',
      ['proxy', '--domain', 'example.com', '--listen', 'localhost'],
      64,
      /--listen localhost/,
    ],
  ];

  it.each(cases)('%s', async (_name, args, code, says) => {
    const result = await cliHere(args);
    expect(result.stderr).toMatch(says);
    expect(result.stderr).toMatch(/^jobgate: [^\n]+\n$/);
    expect(result.code).toBe(code);
    expect(result.stdout).toBe('');
  });

  it('an engine that is not there', async () => {
    const env = { DOCKER_HOST: 'unix:///nowhere/docker.sock' };
    expect(await cli(['run', 'x'], { env })).toEqual({
      code: 125,
      signal: null,
      stdout: '',
      stderr: expect.stringMatching(/^jobgate: no Docker engine answers.*DOCKER_HOST.*\n$/),
    });
  });

  it('all problems of a job file, each with its line', async () => {
    const job = file(
      'job.yaml',
      'Tasks:\n  - Name: main\n    Engine: {Type: wasm}\n    Network: {Type: HTTP, Domains: ["*.x.com"]}\n',
    );
    const result = await cliHere(['run', '--job', job]);
    expect(result.code).toBe(64);
    expect(result.stderr).toMatch(/job\.yaml:3:.*wasm/);
    expect(result.stderr).toMatch(/job\.yaml:4:.*\.x\.com/);
    expect(result.stderr).not.toMatch(/ at .*\.js/);
  });

  it('a broken job file with its line', async () => {
    const result = await cliHere(['run', '--job', file('broken.yaml', 'Tasks:\n  - [1\n')]);
    expect(result.code).toBe(64);
    expect(result.stderr).toMatch(/^jobgate: .*broken\.yaml:\d+/);
  });

  it('an unknown config key with its line', async () => {
    const config = file('config.yaml', 'JobAdmissionControl:\n  RejectNetworkdJobs: true\n');
    const result = await cliHere(['run', '--config', config, 'x']);
    expect(result.code).toBe(64);
    expect(result.stderr).toMatch(/config\.yaml:2.*RejectNetworkdJobs/);
  });

  describe("a port that is not the proxy's to have", () => {
    const proxy = (at: string) =>
      cli(['proxy', '--domain', 'example.com', '--allow-client', '127.0.0.0/8', '--listen', at]);
    const refused = (at: string, why: RegExp) => ({
      code: 125,
      signal: null,
      stdout: '',
      stderr: expect.stringMatching(
        new RegExp(`^jobgate: --listen ${at.replace(/[.[\]]/g, '\\$&')}: ${why.source}\n$`),
      ),
    });

    it('is taken', async () => {
      const server = createServer().listen(0, '127.0.0.1');
      await once(server, 'listening');
      const at = `127.0.0.1:${(server.address() as { port: number }).port}`;
      expect(await proxy(at)).toEqual(refused(at, /another program listens there; choose another port.*/));
      server.close();
    });

    it("is another machine's", async () => {
      for (const at of ['192.0.2.1:3128', '[2001:db8::1]:3128'])
        expect(await proxy(at)).toEqual(
          refused(at, /(not an address of this machine|this machine has no IPv6).*/),
        );
    });

    it.skipIf(PRIVILEGED_PORTS < 100)('needs a privilege', async () => {
      const at = '127.0.0.1:99';
      const nobody = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};
      expect(await cli(['proxy', '--domain', 'example.com', '--listen', at], nobody)).toEqual(
        refused(at, /no privilege for this port: choose one from 1024 on.*/),
      );
    });
  });
});

describe('--help teaches', () => {
  it.each([
    ...[[], ['run'], ['proxy'], ['serve'], ['check'], ['doctor'], ['image'], ['lockdown'], ['clean']],
    ...[['ps'], ['allow'], ['deny'], ['events'], ['logs'], ['close'], ['completion']],
  ])('jobgate %s --help', async (...command) => {
    const result = await cliHere([...command, '--help']);
    expect(result.code).toBe(0);
    expect(result.stdout).toMatch(/^Usage: jobgate/);
  });

  it('a bare jobgate is no error', async () => {
    const { code, stdout, stderr } = await cliHere([]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^Usage: jobgate/);
  });

  it('-v says the version', async () => {
    expect((await cliHere(['-v'])).stdout).toMatch(/^\d+\.\d+\.\d+\S*\n$/);
  });
});

describe('jobgate check', () => {
  it('accepts, with the reason', async () => {
    const result = await cliHere(['check', '--domain', 'example.com']);
    expect(result.code).toBe(0);
    expect(JSON.parse(result.stdout)).toEqual({
      shouldBid: true,
      reason: expect.stringMatching(/does accept/),
    });
  });

  it('refuses, with the reason and 77, in both spellings of the configuration', async () => {
    const current = file('new.yaml', 'JobAdmissionControl:\n  RejectNetworkedJobs: true\n');
    const old = file('old.yaml', 'Node:\n  Compute:\n    JobSelection:\n      AcceptNetworkedJobs: false\n');
    for (const config of [current, old]) {
      const result = await cliHere(['check', '--config', config, '--domain', 'example.com']);
      expect(result.code).toBe(77);
      expect(JSON.parse(result.stdout)).toEqual({
        shouldBid: false,
        reason: expect.stringMatching(/does not accept/),
      });
      expect((await cliHere(['check', '--config', config, '--network', 'none'])).code).toBe(0);
    }
  });

  it('answers an invalid spec as a refusal', async () => {
    const result = await cliHere(['check', '--job', '-'], { stdin: 'Tasks: 7' });
    expect(result.code).toBe(77);
    expect(JSON.parse(result.stdout)).toMatchObject({
      shouldBid: false,
      reason: expect.stringContaining('Tasks'),
    });
  });

  describe('as the ProbeExec of a node', () => {
    const job = (Network: object) => JSON.stringify({ Job: { Tasks: [{ Network }] } });
    const ask = (body: string, args: string[] = [], run: typeof cliHere | typeof cli = cliHere) =>
      run(['check', ...args], {
        stdin: body,
        env: { BACALHAU_JOB_SELECTION_PROBE_DATA: body, JOBGATE_ALLOWED_DOMAINS: 'example.com' },
      });

    it('takes the job from the node and says the reason where it looks', async () => {
      for (const [args, run] of [
        [[], cli],
        [['--job', '-'], cliHere],
      ] as const) {
        const refused = await ask(job({ Type: 'Full' }), [...args], run);
        expect(refused.code).toBe(77);
        expect(refused.stderr).toBe(
          'this node does not accept jobs with Host networking, because it allows certain domains only: set Network.Type to HTTP\n',
        );
        const { reason } = JSON.parse(refused.stdout);
        expect(`${reason}\n`).toBe(refused.stderr);
      }
      expect((await ask(job({ Type: 'HTTP', Domains: ['example.com'] }))).code).toBe(0);
    });

    it('answers what is no job in one line', async () => {
      const invalid = await ask(job({ Type: 'x', Domains: ['*.y', '\u001B[2J'] }));
      expect(invalid.code).toBe(77);
      expect(invalid.stderr).toMatch(/^[^\p{C}]*Network\.Domains\[0\][^\p{C}]*Domains\[1\][^\p{C}]*\n$/u);
    });

    it('takes Default for what the node makes of it', async () => {
      const open = await ask(job({ Type: 'Default' }));
      expect(open.code).toBe(77);
      expect(open.stderr).toContain('set Network.Type to None, or to HTTP with Domains');
      const closed = await ask(job({ Type: 'Default' }), ['--reject-networked-jobs']);
      expect(closed.code).toBe(0);
    });

    it('that stands in the file which it reads is asked once, by whatever way it comes to itself', async () => {
      const count = join(dir, 'count');
      const config = join(dir, 'loop.yaml');
      const script = file(
        'probe.sh',
        `echo >> ${count}; exec ${process.execPath} ${CLI} check -c ${config}\n`,
      );
      file('loop.yaml', `JobAdmissionControl: {RejectHostNetwork: true, ProbeExec: "bash ${script}"}\n`);
      const body = job({ Type: 'Host' });
      const env = { BACALHAU_JOB_SELECTION_PROBE_DATA: body };
      const refused = await cli(['check', '-c', config], { stdin: body, env });
      expect(refused.code).toBe(77);
      // Once by the check that its node asked; that one asks it of nobody any more.
      expect(readFileSync(count, 'utf8')).toBe('\n');
      expect((await cli(['check', '-c', config, '--network', 'none'], { env })).code).toBe(0);
      // Named without a detour, it is not asked at all.
      file(
        'loop.yaml',
        `JobAdmissionControl: {ProbeExec: "jobgate check --config ${config}", RejectNetworkedJobs: false}\n`,
      );
      expect((await cliHere(['check', '-c', config, '--domain', 'example.com'])).code).toBe(0);
    });

    it('says nothing on stderr to anybody else', async () => {
      const refused = await cliHere(['check', '--network', 'host'], {
        env: { JOBGATE_REJECT_HOST_NETWORK: '1' },
      });
      expect(refused).toMatchObject({ code: 77, stderr: '' });
    });
  });

  it('--explain shows every rule', async () => {
    const result = await cliHere(['check', '--explain', '--network', 'none']);
    expect(result.stdout.trim().split('\n').length).toBeGreaterThan(2);
  });
});

describe('jobgate proxy', () => {
  it('says where it listens, and SIGTERM ends it', async () => {
    const proxy = startCli(['proxy', '--domain', 'example.com', '--listen', '127.0.0.1:0']);
    await proxy.printed('\n');
    proxy.child.kill('SIGTERM');
    const result = await proxy.done;
    expect(result.stdout).toMatch(/^listening http:\/\/127\.0\.0\.1:\d+\n$/);
    expect(result.code).toBe(0);
  });

  /** What a terminal shows on which Ctrl-C is pressed once it says that it listens. */
  async function interrupted(options: string, times: number): Promise<string> {
    const command = `'${process.execPath}' '${CLI}' proxy --domain example.com --listen 127.0.0.1:0 ${options}`;
    const terminal = spawn('script', ['-qec', command, '/dev/null'], { stdio: ['pipe', 'pipe', 'inherit'] });
    let shown = '';
    let pressed = 0;
    for await (const piece of terminal.stdout.setEncoding('utf8')) {
      shown += piece;
      const said = [/listening/, /Ctrl-C again/][pressed];
      if (pressed < times && said?.test(shown)) {
        pressed++;
        terminal.stdin.write('\x03');
      }
    }
    return shown;
  }

  it('Ctrl-C at a terminal says what is waited for; elsewhere nothing is said', async () => {
    expect(await interrupted('', 1)).toMatch(
      /jobgate: ending: open connections have 10 s to finish; Ctrl-C again ends it at once\r?\n/,
    );
    const proxy = startCli(['proxy', '--domain', 'example.com', '--listen', '127.0.0.1:0']);
    await proxy.printed('\n');
    proxy.child.kill('SIGINT');
    expect(await proxy.done).toMatchObject({ code: 130, stderr: '' });
  });

  it('--quiet and --verbose are log levels, which what is said outright goes before', async () => {
    const levelOf = async (...options: string[]) => {
      const proxy = startCli(
        ['proxy', '--domain', 'github.io', '--listen', '127.0.0.1:0', '--log-format', 'json', ...options],
        { env: { LOG_LEVEL: 'info' } },
      );
      await proxy.printed('\n');
      await ask(Number(/:(\d+)\n/.exec(proxy.stdout)?.[1]), 'http://other.test/').catch(() => {});
      proxy.child.kill('SIGTERM');
      return (await proxy.done).stderr;
    };
    expect(await levelOf('--verbose')).toContain('domain-not-allowed');
    expect(await levelOf('-q')).toBe('');
    expect(await levelOf('-q', '--log-level', 'info')).toContain('domain-not-allowed');
  });
});
