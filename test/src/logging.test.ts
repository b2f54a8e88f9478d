import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Cleanup } from '../support/cleanup.js';
import { type Cli, startCli } from '../support/cli.js';

describe('the log of a proxy', () => {
  let cleanup: Cleanup;
  beforeEach(() => {
    cleanup = new Cleanup();
  });
  afterEach(() => cleanup[Symbol.asyncDispose]());

  async function startProxy(options: readonly string[], env: Record<string, string> = {}) {
    // The address is that of a documentation range: allowed by its domain, and refused as not public.
    const jobOptions = [
      '--domain',
      'example.com',
      '--add-host',
      'example.com:203.0.113.7',
      '--job-id',
      'job-1',
    ];
    const proxy = startCli(['proxy', '--listen', '127.0.0.1:0', ...jobOptions, ...options], { env });
    cleanup.add(() => end(proxy));
    await proxy.printed('listening');
    return { proxy, port: Number(/:(\d+)\n/.exec(proxy.stdout)?.[1]) };
  }

  /** @returns what it logged. */
  async function end(proxy: Cli): Promise<string> {
    proxy.child.kill('SIGTERM');
    return (await proxy.done).stderr;
  }

  function send(port: number, head: string): Promise<string> {
    return new Promise((resolve, reject) => {
      let answer = '';
      const socket = connect(port, '127.0.0.1', () => socket.write(`${head}\r\n\r\n`, 'latin1'));
      socket.setEncoding('latin1').on('data', (text: string) => {
        answer += text;
      });
      socket.setTimeout(5_000, () => socket.destroy());
      socket.once('close', () => resolve(answer));
      socket.once('error', reject);
    });
  }

  const SECRETS = [
    'GET http://user:hunter2@example.com/path?token=hunter2#hunter2 HTTP/1.1\r\nHost: example.com\r\nConnection: close',
    'GET http://other.example/?token=hunter2 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer hunter2\r\nCookie: hunter2\r\nConnection: close',
    'GET http://example.com/?hunter2 HTTP/1.1\r\nHost: x\r\nProxy-Authorization: Basic hunter2\r\nConnection: close',
    'CONNECT user:hunter2@other.example:443 HTTP/1.1\r\nHost: x',
    'GET /?hunter2 HTTP/1.1\r\nHost: x\r\nConnection: close',
  ];
  const HOSTILE = [
    'GET http://a\x1b[31mb\x07\x00.example/ HTTP/1.1\r\nHost: x',
    'CONNECT a\x9b31m\x7f\x0b.example:443 HTTP/1.1\r\nHost: x',
    'CONNECT a\n{"event":"decision","decision":"allow"}:443 HTTP/1.1\r\nHost: x',
    'GET http://%0a%1b.example/ HTTP/1.1\r\nHost: x\r\nConnection: close',
    'G\x1bT http://a.example/ HTTP/1.1\r\nHost: x\r\nConnection: close',
  ];

  it.each(['json', 'pretty'])(
    'has no credentials, no query strings and no control characters: %s',
    async (format) => {
      const { proxy, port } = await startProxy(['--log-format', format, '--log-level', 'trace']);
      for (const head of [...SECRETS, ...HOSTILE]) expect(await send(port, head)).not.toContain(' 200 ');
      const log = await end(proxy);
      // The control: it does log these requests.
      expect(log).toContain('other.example');
      expect(log).toContain('malformed');
      expect(log).not.toContain('hunter2');
      // biome-ignore lint/suspicious/noControlCharactersInRegex: none is what is tested
      expect(log).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f-\x9f]/);
      for (const line of log.trimEnd().split('\n')) {
        if (format === 'json')
          expect(JSON.parse(line)).toMatchObject({ level: expect.stringMatching(/^[a-z]+$/) });
        else expect(line).toMatch(/^\[\d\d:\d\d:\d\d\] [A-Z]+: /);
      }
    },
  );

  it('has one line per decision, with the version of its shape and the job', async () => {
    const { proxy, port } = await startProxy(['--log-format', 'json']);
    await send(port, 'GET http://other.example/ HTTP/1.1\r\nHost: x\r\nConnection: close');
    await send(port, 'GET http://example.com/ HTTP/1.1\r\nHost: x\r\nConnection: close');
    const lines = (await end(proxy))
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
      .filter(({ event }) => event !== undefined);
    expect(lines).toMatchObject([
      {
        v: 1,
        event: 'decision',
        job: 'job-1',
        host: 'other.example',
        decision: 'deny',
        reason: 'domain-not-allowed',
      },
      {
        v: 1,
        event: 'decision',
        job: 'job-1',
        host: 'example.com',
        decision: 'deny',
        reason: 'address-not-public',
      },
    ]);
  });

  it('is a sentence for a person, the rest at debug', async () => {
    const logged = async (level: string) => {
      const { proxy, port } = await startProxy(['--log-level', level]);
      await send(port, 'CONNECT evil.net:443 HTTP/1.1\r\nHost: x');
      return await end(proxy);
    };
    expect(await logged('info')).toMatch(
      /^\[\d\d:\d\d:\d\d\] WARN: denied CONNECT evil\.net:443 domain-not-allowed \(job-1\)\n$/,
    );
    const line = (await logged('debug')).split('\n').find((one) => one.includes('denied CONNECT')) ?? '';
    expect(line).toContain('denied CONNECT evil.net:443 domain-not-allowed (job-1) {');
    expect(line).toContain('"client":"127.0.0.1"');
  });

  it('has colours where they are asked for, and none in a pipe, nor where they are not wanted', async () => {
    const logged = async (env: Record<string, string>) => {
      const { proxy, port } = await startProxy([], env);
      await send(port, 'CONNECT evil.net:443 HTTP/1.1\r\nHost: x');
      return (await end(proxy)).includes('\x1b[');
    };
    expect(await logged({})).toBe(false);
    expect(await logged({ FORCE_COLOR: '1' })).toBe(true);
    expect(await logged({ FORCE_COLOR: '0' })).toBe(false);
  });

  it('is JSON where that is asked for, also what ends a command', async () => {
    const options = ['--listen', '192.0.2.1:1', '--allow-client', '192.0.2.0/24', '--log-format', 'json'];
    const { stderr, code } = await startCli(['proxy', '--domain', 'example.com', ...options]).done;
    expect(code).toBe(125);
    expect(
      stderr
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toMatchObject([
      { level: 'error', msg: expect.stringContaining('not an address of this machine'), code: 125 },
    ]);
  });

  it('has the level of LOG_LEVEL, unless the command line says otherwise', async () => {
    const refused = 'GET http://other.example/ HTTP/1.1\r\nHost: x\r\nConnection: close';
    const logged = async (options: string[], env: Record<string, string>) => {
      const { proxy, port } = await startProxy(options, env);
      await send(port, refused);
      return (await end(proxy)).includes('other.example');
    };
    // A refusal is a warning.
    expect(await logged([], { LOG_LEVEL: 'ERROR' })).toBe(false);
    expect(await logged(['--log-level', 'info'], { LOG_LEVEL: 'error' })).toBe(true);
  });
});
