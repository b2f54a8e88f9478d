import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { registryAuth, registryOf } from '../../../docker/engine/registry-auth.js';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'jobgate-auth-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

const config = (value: unknown) => writeFileSync(join(dir, 'config.json'), JSON.stringify(value));

describe('credentials of a registry', () => {
  it.each([
    ['alpine:3.20', 'https://index.docker.io/v1/'],
    ['library/alpine', 'https://index.docker.io/v1/'],
    ['docker.io/library/alpine', 'https://index.docker.io/v1/'],
    ['ghcr.example/a/b@sha256:00', 'ghcr.example'],
    ['localhost:5000/a', 'localhost:5000'],
    ['localhost/a', 'localhost'],
  ])('%s belongs to %s', (image, registry) => expect(registryOf(image)).toBe(registry));

  it('takes the stored ones of this registry only', async () => {
    config({ auths: { 'r.example': { auth: Buffer.from('me:a:b').toString('base64') } } });
    expect(await registryAuth('r.example/x', { DOCKER_CONFIG: dir })).toEqual({
      username: 'me',
      password: 'a:b',
      serveraddress: 'r.example',
    });
    expect(await registryAuth('other.example/x', { DOCKER_CONFIG: dir })).toBeUndefined();
  });

  it('asks the credential helper', async () => {
    const helper = join(dir, 'docker-credential-test');
    writeFileSync(helper, '#!/bin/sh\nread r; printf \'{"Username":"u@%s","Secret":"s"}\' "$r"\n');
    chmodSync(helper, 0o755);
    config({ credHelpers: { 'r.example': 'test' } });
    const env = { DOCKER_CONFIG: dir, PATH: `${dir}${delimiter}${process.env.PATH}` };
    expect(await registryAuth('r.example/x', env)).toMatchObject({ username: 'u@r.example', password: 's' });
  });

  it('a missing config or helper is no error: the pull itself says what it lacks', async () => {
    expect(await registryAuth('r.example/x', { DOCKER_CONFIG: dir })).toBeUndefined();
    config({ credsStore: 'does-not-exist' });
    expect(await registryAuth('r.example/x', { DOCKER_CONFIG: dir, PATH: dir })).toBeUndefined();
  });
});
