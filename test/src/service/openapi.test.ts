import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { API_ERRORS } from '../../../src/service/api-error.js';
import { Cleanup } from '../../support/cleanup.js';
import { type Answer, type AskOptions, ask, open } from '../../support/serve.js';
import { ALL_PARTS, startService, type TestService } from '../../support/service.js';

interface Body {
  readonly content?: Readonly<Record<string, { schema: object }>>;
}

interface Operation {
  readonly operationId: string;
  readonly tags: readonly string[];
  readonly security?: readonly object[];
  readonly requestBody?: Body;
  readonly responses: Readonly<Record<string, Body>>;
}

/** Every answer here is held against the document that the server itself gives. */
describe('the OpenAPI document', () => {
  const suite = new Cleanup();
  let served: TestService;
  // biome-ignore lint/suspicious/noExplicitAny: it is what is tested
  let document: any;
  const asked = new Set<string>();
  const told = new Set<number>();
  beforeAll(async () => {
    served = suite.use(await startService());
    document = (await ask(served.port, '/openapi.json')).body;
  });
  afterAll(() => suite[Symbol.asyncDispose]());

  const operations = () =>
    Object.entries<Record<string, Operation>>(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({
        path,
        method: method.toUpperCase(),
        operation,
      })),
    );

  /** A field that the document does not have is a mistake as well. */
  function closed(schema: unknown): unknown {
    if (Array.isArray(schema)) return schema.map(closed);
    if (typeof schema !== 'object' || schema === null) return schema;
    const { $ref, ...own } = schema as Record<string, unknown>;
    if (typeof $ref === 'string') return closed(document.components.schemas[$ref.split('/').pop() ?? '']);
    const all = Object.fromEntries(Object.entries(own).map(([key, value]) => [key, closed(value)]));
    return 'properties' in all ? { additionalProperties: false, ...all } : all;
  }

  function hold(template: string, method: string, answer: Pick<Answer, 'status' | 'headers' | 'body'>): void {
    const one = operations().find(({ path, method: its }) => path === template && its === method);
    expect(one, `${method} ${template}`).toBeDefined();
    const isTold = one?.operation.responses[answer.status];
    if (!isTold) expect(answer.status).toBeGreaterThanOrEqual(400);
    const [[type, { schema }] = ['', { schema: {} }]] = Object.entries(
      (isTold ?? one?.operation.responses.default)?.content ?? {},
    );
    expect(answer.headers['content-type']).toMatch(type);
    if (type === 'application/json') {
      const read = z.fromJSONSchema(closed(schema) as Parameters<typeof z.fromJSONSchema>[0]);
      expect(read.safeParse(answer.body).error).toBeUndefined();
    }
    if (answer.status >= 400 && answer.body.error)
      expect(API_ERRORS).toHaveProperty(answer.body.error, answer.status);
    told.add(answer.status);
    if (answer.status < 300) asked.add(`${method} ${template}`);
  }

  /** Asks, and expects a status and what the document says of it. */
  async function expects(
    status: number,
    request: string,
    { id = '', at = served, ...options }: AskOptions & { id?: string; at?: TestService } = {},
  ) {
    const [method = '', path = ''] = request.split(' ');
    const answer = await ask(at.port, path.replace('{id}', id), { ...options, method });
    expect({ request, status: answer.status, body: answer.status === status || answer.body }).toEqual({
      request,
      status,
      body: true,
    });
    hold(path.split('?')[0] ?? '', method, answer);
    return answer.body;
  }

  const http = { Type: 'HTTP', Domains: ['example.com'] };
  const engine = { Type: 'docker', Params: { Image: 'ubuntu' } };
  const job = { ID: 'job-1', Tasks: [{ Name: 'main', Engine: engine, Network: http }] };
  const wanted = { jobId: 'job-1', network: { Domains: ['example.com'] } };

  it('is what generators of clients and strict linters take', () => {
    const all = operations().map(({ operation }) => operation);
    const ids = all.map(({ operationId }) => operationId);
    for (const id of ids) expect(id).toMatch(/^[a-z][A-Za-z]+$/);
    expect(new Set(ids).size).toBe(ids.length);
    const { components, security, servers, tags } = document;
    const known = tags.map(({ name }: { name: string }) => name);
    for (const operation of all) {
      expect(known).toEqual(expect.arrayContaining([...operation.tags]));
      expect(operation.responses).toHaveProperty('4XX');
    }
    expect(security).toEqual([{ token: [] }]);
    expect(all.filter(({ security: own }) => own).map(({ operationId }) => operationId)).toEqual([
      'getHealth',
      'getReadiness',
      'askAdmission',
    ]);
    expect(components.securitySchemes.token.scheme).toBe('bearer');
    expect(servers).toHaveLength(1);
    // Every body is one that has a name.
    for (const { operation } of operations()) {
      const bodies = [operation.requestBody, ...Object.values(operation.responses)];
      const schemas = bodies.flatMap((body) => body?.content?.['application/json']?.schema ?? []);
      for (const schema of schemas) expect(schema).toHaveProperty('$ref');
    }
    expect(Object.keys(components.schemas)).toEqual(
      expect.arrayContaining([
        'Gateway',
        'GatewayList',
        'GatewayRequest',
        'Job',
        'JobSpec',
        'Error',
        'Figures',
      ]),
    );
    for (const [, name = ''] of JSON.stringify(document).matchAll(
      /#\/components\/(?:schemas|responses)\/(\w+)/g,
    ))
      expect({ ...components.schemas, ...components.responses }).toHaveProperty(name);
  });

  it('says what health, admission and events answer', async () => {
    for (const path of ['/healthz', '/readyz', '/metrics', '/v1/overview']) await expects(200, `GET ${path}`);
    await expects(200, 'POST /v1/admission', { body: job });
    await expects(400, 'POST /v1/admission', { body: { Tasks: [{ Network: { Type: 'x' } }] } });
    const events = await open(served.port, '/v1/events');
    hold('/v1/events', 'GET', { status: events.statusCode ?? 0, headers: events.headers, body: '' });
    events.destroy();
    await expects(400, 'GET /v1/events?types=all');
  });

  it('says what an overview of a node is that has all parts, and of one that has none', async () => {
    await using whole = await startService({}, { parts: ALL_PARTS });
    const { workers, lockdown, gate, admission } = await expects(200, 'GET /v1/overview', { at: whole });
    expect({ workers, lockdown, gate }).toEqual({
      workers: { deaths: 0, list: [{ pid: process.pid, gateways: 3, memory: expect.any(Number) }] },
      lockdown: { state: 'broken', checked: '2030-01-31T12:00:00.000Z', reason: 'a rule is missing' },
      gate: { listening: true },
    });
    expect(admission).toEqual({ accepted: 0, refused: 0, last: [] });
    await expects(200, 'POST /v1/admission', { at: whole, body: job });
    whole.engine.leave();
    await vi.waitFor(async () =>
      expect(await expects(200, 'GET /v1/overview', { at: whole })).toMatchObject({
        engine: { ready: false, reason: expect.stringContaining('Docker') },
        admission: { accepted: 1, last: [{ job: 'job-1', accepted: true }] },
      }),
    );
    await using bare = await startService();
    expect(await expects(200, 'GET /v1/overview', { at: bare })).toMatchObject({
      ...{ workers: null, lockdown: { state: 'none' }, gate: null, engine: { ready: true, version: '0' } },
    });
  });

  it('says what a gateway answers', async () => {
    const body = await expects(201, 'POST /v1/gateways', { body: { ...wanted, executionId: 'e-1' } });
    const { id } = await expects(200, 'POST /v1/gateways', { body: { ...wanted, executionId: 'e-1' } });
    expect(id).toBe(body.id);
    await expects(409, 'POST /v1/gateways', { body: { ...wanted, executionId: 'e-1', rate: '1mbit' } });
    await expects(200, 'GET /v1/gateways/{id}', { id });
    await expects(200, 'GET /v1/gateways/{id}/history', { id });
    await expects(200, 'GET /v1/gateways/{id}/docker', { id });
    await expects(200, 'GET /v1/gateways/{id}/account', { id });
    await expects(200, 'GET /v1/gateways');
    await expects(200, 'GET /v1/abandoned');
    const change = { id, body: { allow: [{ domain: 'a.test', expires: '2h' }], expires: '1h' } };
    await expects(428, 'PATCH /v1/gateways/{id}', change);
    await expects(412, 'PATCH /v1/gateways/{id}', { ...change, headers: { 'if-match': '"0"' } });
    await expects(200, 'PATCH /v1/gateways/{id}', { ...change, headers: { 'if-match': '*' } });
    await expects(200, 'GET /v1/gateways/{id}', { id });
    await expects(400, 'DELETE /v1/gateways/{id}?drain=soon', { id });
    await expects(200, 'DELETE /v1/gateways/{id}?drain=10ms', { id });
    await expects(404, 'DELETE /v1/gateways/{id}', { id });
    await expects(200, 'GET /v1/gateways/{id}', { id });
    await expects(200, 'GET /v1/gateways/{id}/history', { id });
    await expects(404, 'GET /v1/gateways/{id}', { id: 'none' });
    await expects(404, 'GET /v1/gateways/{id}/history', { id: 'none' });
    await expects(404, 'GET /v1/gateways/{id}/docker', { id });
    await expects(200, 'GET /v1/gateways/{id}/account', { id });
    await expects(404, 'GET /v1/gateways/{id}/account', { id: 'none' });
  });

  it('says what a job answers', async () => {
    const { id } = await expects(202, 'POST /v1/jobs', { body: job });
    await expects(200, 'POST /v1/jobs', { body: job });
    await expects(409, 'POST /v1/jobs', { body: { ...job, Tasks: [{ Name: 'main', Engine: engine }] } });
    await vi.waitFor(async () =>
      expect((await expects(200, 'GET /v1/jobs/{id}', { id })).state).toBe('failed'),
    );
    await expects(200, 'GET /v1/jobs/{id}/logs', { id });
    await expects(400, 'GET /v1/jobs/{id}/logs?stream=none', { id });
    await expects(200, 'GET /v1/jobs');
    await expects(200, 'DELETE /v1/jobs/{id}', { id });
    for (const request of ['GET /v1/jobs/{id}', 'GET /v1/jobs/{id}/logs', 'DELETE /v1/jobs/{id}']) {
      await expects(404, request, { id });
    }
  });

  it('says what every refusal looks like', async () => {
    const posts = ['POST /v1/gateways', 'PATCH /v1/gateways/{id}', 'POST /v1/jobs', 'POST /v1/admission'];
    for (const request of posts) {
      await expects(400, request, { body: '{"half":' });
      const limit = request === 'POST /v1/admission' ? 16 << 20 : 1 << 20;
      await expects(413, request, { body: { pad: 'x'.repeat(limit) } });
      await expects(415, request, { body: '{}', headers: { 'content-type': 'text/plain' } });
    }
    const env = { JOBGATE_ALLOWED_DOMAINS: 'other.example' };
    const strict = suite.use(await startService({}, { env }));
    await expects(403, 'POST /v1/gateways', { at: strict, body: wanted });
    await expects(403, 'POST /v1/jobs', { at: strict, body: job });
    const token = suite.use(await startService({}, { token: 'a-token-of-some-length' }));
    for (const { path, method } of operations()) {
      if (['/healthz', '/readyz', '/v1/admission'].includes(path)) continue;
      await expects(401, `${method} ${path}`, { at: token, ...(method === 'POST' && { body: {} }) });
    }
    const away = suite.use(await startService());
    away.engine.leave();
    await vi.waitFor(() => expects(503, 'GET /readyz', { at: away }));
    await expects(503, 'POST /v1/gateways', { at: away, body: wanted });
    await expects(503, 'POST /v1/jobs', { at: away, body: job });
  });

  it('was asked about every route and every status', () => {
    expect([...asked].sort()).toEqual(
      operations()
        .map(({ path, method }) => `${method} ${path}`)
        .sort(),
    );
    expect([...told].sort()).toEqual([200, 201, 202, 400, 401, 403, 404, 409, 412, 413, 415, 428, 503]);
  });
});
