import { describe, expect, it } from 'vitest';
import { GateRefusal } from '../../../src/gate/refusal.js';
import { findRequest, REQUESTS } from '../../../src/gate/requests.js';
import { formatTarget, parseTarget } from '../../../src/gate/target.js';

function found(method: string, url: string) {
  const target = parseTarget(method, url);
  const { known, names } = findRequest(target);
  return { way: known.way, names, path: formatTarget(target, target.segments, known.query) };
}

function refusal(method: string, url: string): GateRefusal {
  try {
    found(method, url);
  } catch (error) {
    if (error instanceof GateRefusal) return error;
  }
  throw new Error(`${method} ${url} was not refused`);
}

describe('a request', () => {
  it.each([
    ['GET', '/_ping', 'pass'],
    ['HEAD', '/_ping', 'pass'],
    ['GET', '/v1.41/containers/json?all=1', 'list'],
    ['POST', '/containers/create?name=a', 'create'],
    ['POST', '/v1.51/containers/a/start', 'start'],
    ['GET', '/images/ghcr.io/some/image:tag@sha256:00/json', 'image-inspect'],
    ['DELETE', '/images/registry:5000/image', 'image-remove'],
  ])('%s %s is known', (method, url, way) => {
    expect(found(method, url).way).toBe(way);
  });

  it('has a path, and a query, of a length that is bounded', () => {
    const [path, longer] = [1_024, 1_025].map(
      (n) => `/images/${'a'.repeat(511)}/${'b'.repeat(n - 525)}/${'c/'.repeat(512)}json`,
    );
    expect([path?.length, longer?.length]).toEqual([2_048, 2_049]);
    const query = (bytes: number) => `/containers/json?filters=${'x'.repeat(bytes - 25)}`;
    for (const fine of [path, query(1 << 20)]) expect(() => found('GET', fine ?? '')).not.toThrow();
    for (const one of [longer, query((1 << 20) + 1)])
      expect(refusal('GET', one ?? '').message).toBe('jobgate: the path is too long');
  });

  it('has names where the table says so, also with slashes where they may have these', () => {
    expect(found('GET', '/containers/abc/json').names).toEqual({ container: 'abc' });
    expect(found('GET', '/images/a/b/c:1/history').names).toEqual({ image: 'a/b/c:1' });
  });

  it('is passed on with what of its query is known, each once, and nothing else', () => {
    expect(found('GET', '/v1.41/containers/a/logs?follow=1&evil=1&follow=0&tail=5').path).toBe(
      '/v1.41/containers/a/logs?follow=1&tail=5',
    );
    expect(found('POST', '/containers/a/kill?signal=%53IGTERM').path).toBe(
      '/containers/a/kill?signal=SIGTERM',
    );
  });

  it.each([
    '//containers/json',
    '/containers//json',
    '/v1.41//containers/json',
    '/containers/json/',
    '/containers/./json',
    '/containers/../build',
    '/containers/a/..%2f..%2fbuild',
    '/containers%2fjson',
    '/containers/%61/json',
    '/containers/a%00/json',
    '/containers/a b/json',
    '/containers/a;b/json',
    '/containers\\json',
    '/',
    '',
    'containers/json',
    'http://docker/containers/json',
    '*',
    '/containers/json#x',
    `/containers/${'a'.repeat(600)}/json`,
    '/v1.41/containers/ａ/json',
  ])('of the path %s is malformed', (url) => {
    expect(refusal('GET', url).status).toBe(400);
  });

  it.each([
    ['POST', '/build', 'build with the engine itself'],
    ['POST', '/session', 'build'],
    ['POST', '/grpc', 'build'],
    ['POST', '/commit?container=a', 'docker cp'],
    ['POST', '/images/load', 'engine itself'],
    ['POST', '/images/a/push', 'engine itself'],
    ['POST', '/plugins/pull', "operator's"],
    ['POST', '/swarm/init', 'no swarm'],
    ['POST', '/secrets/create', 'no swarm'],
    ['POST', '/auth', 'log in'],
    ['POST', '/Containers/create', 'docs/gate.md'],
    ['POST', '/containers/Create', 'docs/gate.md'],
    ['PUT', '/containers/create', 'docs/gate.md'],
    ['POST', '/v1.41/v1.41/containers/create', 'docs/gate.md'],
    ['POST', '/containers/a/checkpoints', 'docs/gate.md'],
    ['POST', '/engine/of/tomorrow', 'docs/gate.md'],
  ])('%s %s is refused, with what to do instead', (method, url, advice) => {
    const { status, message } = refusal(method, url);
    expect(status).toBe(403);
    expect(message).toContain(advice);
  });

  it.each([
    ['GET', '/containers/a/attach/ws'],
    ['GET', '/containers/a/export'],
    ['GET', '/images/get'],
    ['GET', '/images/a/get'],
    ['GET', '/plugins'],
    ['GET', '/services/a'],
  ])('%s %s is not there', (method, url) => {
    expect(refusal(method, url).status).toBe(404);
  });

  it('of an API version that takes settings at the start is refused', () => {
    expect(refusal('POST', '/v1.23/containers/a/start').message).toMatch(/client version 1.23 is too old/);
    expect(found('POST', '/v1.24/containers/a/start').way).toBe('start');
  });

  it('is in the table once, with why', () => {
    const all = REQUESTS.flatMap(({ methods, path }) => methods.map((method) => `${method} ${path}`));
    expect(new Set(all).size).toBe(all.length);
    for (const { why, path } of REQUESTS) expect(why, path).not.toBe('');
  });
});
