import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeE2e } from '../support/e2e.js';
import { placement } from '../support/placement.js';
import { curlLine, curlResults, type Stage, startStage } from '../support/stage.js';

describeE2e('an HTTP job', () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await startStage({
      'example.com': { services: { 80: 'http', 443: 'https', 8443: 'https', 8080: 'http' } },
      'a.b.example.com': {},
      'notexample.com': {},
      'other.com': {},
    });
  });
  afterAll(() => stage[Symbol.asyncDispose]());

  it.each([
    ['--log-level', 'info'],
    ['--log-format', 'json'],
  ])('%s %s tells a refusal as it comes', async (...flags) => {
    const { stderr } = await stage.job(
      ['--domain', 'example.com', ...flags],
      curlLine('other', 'http://other.com/'),
    );
    expect(stderr.match(/other\.com.*\b80\b/g)).toHaveLength(2);
  });

  it('reaches its domain over HTTPS and HTTP, and no other name, nor the address of an allowed one', async () => {
    const address = stage.net.addresses['example.com'] as string;
    const { stdout, stderr, code } = await stage.job(
      ['--domain', 'example.com'],
      [
        curlLine('https', 'https://example.com/'),
        curlLine('http', 'http://example.com/'),
        curlLine('otherHttps', 'https://other.com/'),
        curlLine('otherHttp', 'http://other.com/'),
        curlLine('addressHttps', '-k', `https://${address}/`),
        curlLine('addressHttp', `http://${address}/`),
      ].join('\n'),
    );
    const results = curlResults(stdout);
    expect(code, stderr).toBe(0);
    expect(results.https).toMatchObject({ status: 200, connect: 200, rc: 0 });
    expect(results.http).toMatchObject({ status: 200, rc: 0 });
    expect(results.otherHttps).toMatchObject({ connect: 403, rc: 56 });
    expect(results.otherHttp).toMatchObject({ status: 403, rc: 0 });
    expect(results.addressHttps).toMatchObject({ connect: 403 });
    expect(results.addressHttp).toMatchObject({ status: 403 });
    // The person learns at the end what was refused, and what to change.
    expect(stderr).toMatch(/jobgate refused:\n/);
    expect(stderr).toMatch(/other\.com:443 +once, domain-not-allowed: to allow it: --domain other\.com\n/);
    // Once: not amid the job's own output as well.
    expect(stderr.match(/other\.com.*\b443\b/g)).toHaveLength(1);
    // Nothing that was refused was ever looked up or reached.
    expect(stage.net.dnsServer.queries.join(' ')).not.toContain('other.com');
    expect((await stage.net.seen()).every((event) => event.address === address)).toBe(true);
  });

  it('has its refusals summed up at the end at --log-level error, not with --quiet, and in JSON as JSON', async () => {
    const ended = (...options: string[]) =>
      stage.job(['--domain', 'example.com', ...options], 'curl -s -o /dev/null http://other.com/; true');
    expect((await ended('--log-level', 'error')).stderr).toMatch(
      /^jobgate refused:\n {2}other\.com:80 +once, domain-not-allowed: .*\n$/,
    );
    expect((await ended('--quiet')).stderr).toBe('');
    const { stderr } = await ended('--log-format', 'json', '--log-level', 'error');
    expect(
      stderr
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toMatchObject([
      {
        level: 'warn',
        event: 'denials',
        denials: [{ host: 'other.com', port: 80, reason: 'domain-not-allowed', count: 1 }],
      },
    ]);
  });

  it("a refusal has the design's status, header and body", async () => {
    const { stdout } = await stage.job(
      ['--domain', 'example.com', '--job-id', 'job-7'],
      'curl -sS -i http://other.com/x',
    );
    const [head = '', body = ''] = stdout.split('\r\n\r\n');
    expect(head).toMatch(/^HTTP\/1\.1 403 /);
    expect(head).toMatch(/^X-Jobgate-Deny: domain-not-allowed\r?$/m);
    const [json = '', sentence = ''] = body.split('\n');
    expect(JSON.parse(json)).toEqual({
      decision: 'deny',
      reason: 'domain-not-allowed',
      host: 'other.com',
      port: 80,
      job: 'job-7',
    });
    expect(sentence).toContain('--domain');
  });

  it('stamps plain requests with the job id, and shows the origin nothing else of the job', async () => {
    stage.net.forget();
    await stage.job(
      ['--domain', 'example.com', '--job-id', 'job-8'],
      "curl -sS -o /dev/null -H 'X-Bacalhau-Job-ID: forged' http://example.com/",
    );
    const [request] = await stage.net.requests();
    expect(request?.headers).toMatchObject({ host: 'example.com', 'x-bacalhau-job-id': 'job-8' });
    for (const name of ['via', 'x-forwarded-for', 'forwarded', 'proxy-connection']) {
      expect(request?.headers).not.toHaveProperty(name);
    }
  });

  it('.example.com covers the name and all below it, and not a name that only ends so', async () => {
    const { stdout } = await stage.job(
      ['--domain', '.example.com'],
      [
        curlLine('apex', 'https://example.com/'),
        curlLine('below', 'https://a.b.example.com/'),
        curlLine('alike', 'https://notexample.com/'),
      ].join('\n'),
    );
    const results = curlResults(stdout);
    expect(results.apex?.status).toBe(200);
    expect(results.below?.status).toBe(200);
    expect(results.alike).toMatchObject({ connect: 403, status: 0 });
  });

  it('a port of its own needs an entry of its own', async () => {
    const script = [
      curlLine('tls', 'https://example.com:8443/'),
      curlLine('plain', 'http://example.com:8080/'),
    ].join('\n');
    const without = curlResults((await stage.job(['--domain', 'example.com'], script)).stdout);
    expect(without.tls).toMatchObject({ status: 0 });
    expect(without.plain?.status).toBe(200);
    const withPort = curlResults((await stage.job(['--domain', 'example.com:8443'], script)).stdout);
    expect(withPort.tls?.status).toBe(200);
  });

  it('an allowed name that resolves to a private address is refused, unless the operator excepts it', async () => {
    const [host] = stage.net.dns.split(':') as [string];
    const options = ['--domain', 'inside.com', '--add-host', `inside.com:${host}`];
    // Nothing listens there on 80: that it is dialled shows as 502.
    const script = 'curl -sS -o /dev/null -w "%{http_code}" http://inside.com/';
    const refused = await stage.job(options, script);
    expect(refused.stdout).toBe('403');
    expect(refused.stderr).toMatch(
      new RegExp(`resolves to ${host.replaceAll('.', '\\.')}; to allow it: --allow-address ${host}:80`),
    );
    expect((await stage.job([...options, '--allow-address', `${host}/32:80`], script)).stdout).toBe('502');
    expect((await stage.job([...options, '--allow-address', `${host}/32:81`], script)).stdout).toBe('403');
  });

  it("an operator's deny beats the job's allowlist", async () => {
    const script = curlLine('https', 'https://example.com/');
    const { stdout } = await stage.job(['--domain', '.example.com', '--deny', 'example.com'], script);
    expect(curlResults(stdout).https).toMatchObject({ connect: 403 });
  });

  it('a job file runs as the command line does', async () => {
    const job = JSON.stringify({
      Tasks: [
        {
          Name: 'main',
          Engine: {
            Type: 'docker',
            Params: { Image: 'jobgate-job:local', Parameters: ['curl', '-sS', 'http://example.com/'] },
          },
          Network: { Type: 'HTTP', Domains: ['example.com'] },
          Timeouts: { ExecutionTimeout: 60 },
        },
      ],
    });
    const { cli } = await import('../support/cli.js');
    const result = await cli(['run', '--dns', stage.net.dns, '--pull', 'never', '--job', '-'], {
      stdin: job,
    });
    expect(result).toMatchObject({ code: 0, stdout: 'hello from example.com\n' });
  });

  it('without the proxy nothing gets out, and TCP is refused at once', async () => {
    const address = stage.net.addresses['example.com'] as string;
    stage.net.forget();
    const { stdout } = await stage.job(
      ['--domain', 'example.com'],
      [
        curlLine('proxied', 'https://example.com/'),
        ...['80', '443', '25'].map((port) =>
          curlLine(`direct${port}`, '--noproxy', '*', `http://${address}:${port}/`),
        ),
        curlLine('host', '--noproxy', '*', `http://${stage.net.dns}/`),
        `echo > /dev/udp/${address}/53`,
      ].join('\n'),
    );
    const { proxied, ...direct } = curlResults(stdout);
    expect(proxied?.status).toBe(200);
    for (const [name, result] of Object.entries(direct)) {
      expect(result, name).toMatchObject({ status: 0, rc: 7 });
    }
    // In front of a bridge without an address, old engines leave a route to nobody: ARP gives up after 3 s. A reset takes
    // 2 ms, any other refusal a second: the quickest shows which it was.
    if (placement === 'host') {
      expect(Math.min(...Object.values(direct).map(({ seconds }) => seconds))).toBeLessThan(0.9);
    }
    expect(
      (await stage.net.seen()).filter(({ from, kind }) => kind !== 'request' && from.startsWith('10.213.')),
    ).toEqual([]);
  });
});
