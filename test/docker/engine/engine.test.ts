import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findEngine, openEngine } from '../../../docker/engine/engine.js';

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'jobgate-engine-'));
});
afterEach(() => rmSync(home, { recursive: true }));

function context(name: string, host: string): void {
  const dir = join(home, '.docker/contexts/meta', createHash('sha256').update(name).digest('hex'));
  mkdirSync(dir, { recursive: true });
  writeFileSync(
    join(dir, 'meta.json'),
    JSON.stringify({ Name: name, Endpoints: { docker: { Host: host } } }),
  );
}

describe('finding the engine as the docker CLI does', () => {
  it('DOCKER_HOST beats the context', () => {
    context('remote', 'tcp://192.0.2.1:2375');
    const env = { HOME: home, DOCKER_HOST: 'unix:///run/x.sock', DOCKER_CONTEXT: 'remote' };
    expect(findEngine(env)).toMatchObject({ url: 'unix:///run/x.sock', from: 'DOCKER_HOST' });
  });

  it('takes the current context of the Docker config', () => {
    context('remote', 'tcp://192.0.2.1:2375');
    writeFileSync(join(home, '.docker/config.json'), JSON.stringify({ currentContext: 'remote' }));
    expect(findEngine({ HOME: home })).toMatchObject({ url: 'tcp://192.0.2.1:2375', from: 'context remote' });
    expect(findEngine({ HOME: home, DOCKER_CONTEXT: 'default' }).from).not.toMatch('context');
  });

  it('says which context is missing', () => {
    expect(() => findEngine({ HOME: home, DOCKER_CONTEXT: 'gone' })).toThrow(/context "gone" does not exist/);
  });

  it.each(['ssh://host', 'ftp://x', '/run/docker.sock', 'tcp://'])('refuses %s with what to write', (url) => {
    expect(() => findEngine({ HOME: home, DOCKER_HOST: url })).toThrow(/DOCKER_HOST is .*unix:\/\//);
  });
});

describe('an engine that is not there', () => {
  it('no socket: one line with what to do', async () => {
    const env = { HOME: home, DOCKER_HOST: `unix://${home}/none.sock` };
    await expect(openEngine(env)).rejects.toThrow(
      /^no Docker engine answers at unix:.*none\.sock \(DOCKER_HOST\): start Docker/,
    );
  });

  it('a socket that is no engine: one line as well', async () => {
    const path = join(home, 'other.sock');
    const server = createServer((socket) => socket.end('SSH-2.0-x\r\n')).listen(path);
    const message = await openEngine({ HOME: home, DOCKER_HOST: `unix://${path}` }).catch(
      (error: Error) => error.message,
    );
    server.close();
    expect(message).toMatch(/does not answer/);
    expect(message).not.toContain('\n');
  });
});
