import { once } from 'node:events';
import { connect } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { API_ERRORS } from '../../../src/service/api-error.js';
import { JobLog } from '../../../src/service/job-log.js';
import type { ServedJob } from '../../../src/service/jobs.js';
import { apiError } from '../../../src/service/schemas.js';
import { Cleanup } from '../../support/cleanup.js';
import { type AskOptions, ask, open } from '../../support/serve.js';
import { startService, type TestService } from '../../support/service.js';

setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

describe('the API', () => {
  let cleanup: Cleanup;
  let served: TestService;
  beforeEach(async () => {
    cleanup = new Cleanup();
    served = cleanup.use(await startService());
  });
  afterEach(() => cleanup[Symbol.asyncDispose]());

  const job = (Network: object) => ({ ID: 'job-1', Tasks: [{ Name: 'main', Network }] });
  const http = { Type: 'HTTP', Domains: ['example.com'] };
  const wanted = { jobId: 'job-1', network: { Domains: ['example.com'] } };

  it('answers admission in every shape of the reference', async () => {
    const old = { Spec: { Engine: 'Docker', Docker: { Image: 'ubuntu' }, Network: http } };
    const bodies = [
      job(http),
      { Job: { ...job(http), State: { StateType: 'Pending' }, Version: 3 } },
      { APIVersion: 'V1beta2', Metadata: { ID: '9304c616' }, ...old },
      { node_id: 'n', job_id: 'j', spec: old.Spec },
    ];
    for (const body of bodies) {
      const { status, body: verdict } = await ask(served.port, '/v1/admission', { body });
      expect({ status, ...verdict }).toEqual({ status: 200, shouldBid: true, reason: expect.any(String) });
    }
    // A node that reads no more than the verdict gets one for an invalid job, too.
    const refused = await ask(served.port, '/v1/admission', {
      body: { Job: job({ Type: 'HTTP', Domains: ['*.x.com', 'y'] }) },
    });
    expect(refused).toMatchObject({
      status: 400,
      body: { shouldBid: false, reason: expect.stringContaining('*.x.com') },
    });
    expect(refused.body.problems.map(({ path }: { path: string }) => path)).toEqual([
      'Job.Tasks[0].Network.Domains[0]',
      'Job.Tasks[0].Network.Domains[1]',
    ]);
  });

  it.each<[string, string, AskOptions, number]>([
    ['no JSON', '/v1/gateways', { body: '{"jobId":' }, 400],
    ['an empty body', '/v1/gateways', { body: '' }, 400],
    ['a list', '/v1/gateways', { body: [] }, 400],
    ['nothing in it', '/v1/gateways', { body: {} }, 400],
    ['no domain', '/v1/gateways', { body: { jobId: 'x', network: { Domains: [] } } }, 400],
    [
      'another network',
      '/v1/gateways',
      { body: { jobId: 'x', network: { Type: 'Host', Domains: [] } } },
      400,
    ],
    ['both a network and a job', '/v1/gateways', { body: { ...wanted, job: job(http) } }, 400],
    ['an unknown field', '/v1/gateways', { body: { ...wanted, ratelimit: '1mbit' } }, 400],
    [
      'a form that is too long',
      '/',
      {
        method: 'POST',
        body: `token=${'x'.repeat(5_000)}`,
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
      },
      413,
    ],
    ['a prototype', '/v1/gateways', { body: '{"__proto__": {"jobId": "x"}}' }, 400],
    [
      'a form',
      '/v1/gateways',
      { body: 'jobId=x', headers: { 'content-type': 'application/x-www-form-urlencoded' } },
      415,
    ],
    ['text', '/v1/gateways', { body: '{}', headers: { 'content-type': 'text/plain' } }, 415],
    ['too much', '/v1/gateways', { body: { pad: 'x'.repeat(1 << 20) } }, 413],
    ['another method', '/v1/gateways', { method: 'PUT' }, 405],
    ['another path', '/v2/gateways', {}, 404],
    ['a drain that is no time', '/v1/gateways/x?drain=soon', { method: 'DELETE' }, 404],
    ['unknown types of events', '/v1/events?types=all', {}, 400],
    [
      'to learn, which the operator has not allowed',
      '/v1/gateways',
      { body: { ...wanted, learn: true } },
      403,
    ],
    ['more than the rate of the node', '/v1/gateways', { body: { ...wanted, rate: 'unlimited' } }, 403],
  ])('refuses %s, and opens nothing', async (_what, path, options, status) => {
    const answer = await ask(served.port, path, options);
    expect({ status: answer.status, error: apiError.safeParse(answer.body).error }).toEqual({
      status,
      error: undefined,
    });
    expect(API_ERRORS).toHaveProperty(answer.body.error, status);
    expect(served.gateways.proxies.size).toBe(0);
  });

  it('says what to do while the engine is away, and comes back with it', async () => {
    expect((await ask(served.port, '/v1/gateways', { body: wanted })).status).toBe(201);
    served.engine.leave();
    await vi.waitFor(async () => expect((await ask(served.port, '/readyz')).status).toBe(503));
    const other = { ...wanted, jobId: 'job-2' };
    const away = await ask(served.port, '/v1/gateways', { body: other });
    expect(away).toMatchObject({
      status: 503,
      body: { message: expect.stringMatching(/start (it|Docker)/) },
    });
    expect((await ask(served.port, '/v1/admission', { body: job(http) })).status).toBe(200);
    expect((await ask(served.port, '/v1/gateways')).body.gateways).toHaveLength(1);
    served.engine.isAway = false;
    await vi.waitFor(async () =>
      expect((await ask(served.port, '/v1/gateways', { body: other })).status).toBe(201),
    );
  });

  it('admission says no before anything is opened', async () => {
    const strict = cleanup.use(await startService({}, { env: { JOBGATE_ALLOWED_DOMAINS: 'other.example' } }));
    const answer = await ask(strict.port, '/v1/gateways', { body: wanted });
    expect(answer).toMatchObject({
      status: 403,
      body: { error: 'not-accepted', message: expect.stringContaining('example.com') },
    });
    expect(strict.gateways.proxies.size).toBe(0);
    const allowed = { jobId: 'x', network: { Domains: ['other.example'] } };
    expect((await ask(strict.port, '/v1/gateways', { body: allowed })).status).toBe(201);
  });

  it('drops a reader of events that is too slow, and buffers no more for it', async () => {
    const slow = connect(served.port, '127.0.0.1', () =>
      slow.write('GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n'),
    );
    cleanup.add(() => slow.destroy());
    slow.on('error', () => {});
    const fast = await open(served.port, '/v1/events');
    cleanup.add(() => fast.destroy());
    let read = 0;
    fast.on('data', (chunk: Buffer) => {
      read += chunk.length;
    });
    slow.pause();
    await vi.waitFor(() => expect(read).toBeGreaterThan(0));
    const event = { type: 'job', time: 0, job: 'x'.repeat(1000), state: 'running' } as const;
    collectGarbage();
    const before = process.memoryUsage().external + process.memoryUsage().heapUsed;
    let sent = 0;
    for (let round = 0; round < 400; round++) {
      for (let i = 0; i < 100; i++) served.service.hub.publish(event);
      sent += 100 * 1000;
      await new Promise((resolve) => setImmediate(resolve));
    }
    await vi.waitFor(() => expect(read).toBeGreaterThan(sent));
    collectGarbage(); // how much of it is left lying about is another on each Node
    expect(process.memoryUsage().external + process.memoryUsage().heapUsed - before).toBeLessThan(36 << 20);
    slow.resume();
    await once(slow, 'close');
  });

  it("drops a reader of a job's output that is too slow, and buffers no more for it", async () => {
    const log = new JobLog();
    vi.spyOn(served.service.jobs, 'get').mockReturnValue({ log } as ServedJob);
    const slow = connect(served.port, '127.0.0.1', () =>
      slow.write('GET /v1/jobs/x/logs?follow=1 HTTP/1.1\r\nHost: localhost\r\n\r\n'),
    );
    cleanup.add(() => slow.destroy());
    slow.on('error', () => {});
    slow.pause();
    const fast = await open(served.port, '/v1/jobs/x/logs?follow=1');
    cleanup.add(() => fast.destroy());
    let read = 0;
    fast.on('data', (chunk: Buffer) => {
      read += chunk.length;
    });
    const before = process.memoryUsage().external + process.memoryUsage().heapUsed;
    const piece = Buffer.alloc(100_000, 'x');
    const output = log.sink('stdout');
    for (let round = 0; round < 600; round++) {
      output.write(Buffer.from(piece));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await vi.waitFor(() => expect(read).toBe(600 * piece.length));
    collectGarbage();
    expect(process.memoryUsage().external + process.memoryUsage().heapUsed - before).toBeLessThan(40 << 20);
    let late = 0;
    slow.on('data', (chunk: Buffer) => {
      late += chunk.length;
    });
    slow.resume();
    await once(slow, 'close');
    expect(late).toBeLessThan(40 << 20);
    // The one that keeps up is told the end.
    log.end();
    await once(fast, 'end');
  });

  it('200 gateways open and close, 50 calls at a time, and nothing is left', async () => {
    const ids = Array.from({ length: 200 }, (_, i) => `load-${i}`);
    const inTurns = async <T>(items: readonly T[], work: (item: T) => Promise<void>) => {
      const left = [...items];
      await Promise.all(
        Array.from({ length: 50 }, async () => {
          for (let item = left.pop(); item !== undefined; item = left.pop()) await work(item);
        }),
      );
    };
    const opened: string[] = [];
    await inTurns(ids, async (jobId) => {
      const { status, body } = await ask(served.port, '/v1/gateways', { body: { ...wanted, jobId } });
      expect(status).toBe(201);
      opened.push(body.id);
    });
    expect((await ask(served.port, '/v1/gateways')).body.gateways).toHaveLength(200);
    await inTurns(opened, async (id) => {
      expect((await ask(served.port, `/v1/gateways/${id}`, { method: 'DELETE' })).status).toBe(200);
    });
    expect((await ask(served.port, '/v1/gateways')).body.gateways).toEqual([]);
    expect(served.gateways.proxies.size).toBe(0);
  });
});

describe('on host:port', () => {
  let served: TestService;
  beforeAll(async () => {
    served = await startService({}, { token: 'a-token-of-some-length' });
  });
  afterAll(() => served[Symbol.asyncDispose]());

  it('every route but admission, health and the page wants the token', async () => {
    const { body: document } = await ask(served.port, '/openapi.json');
    for (const [path, methods] of Object.entries<object>(document.paths)) {
      for (const method of Object.keys(methods)) {
        const options = { method: method.toUpperCase(), ...(method === 'post' && { body: {} }) };
        const { status } = await ask(served.port, path, options);
        const isOpen = ['/healthz', '/readyz', '/v1/admission'].includes(path);
        expect({ path, method, unauthorized: status === 401 }).toEqual({
          path,
          method,
          unauthorized: !isOpen,
        });
      }
    }
    const headers = { authorization: 'Bearer a-token-of-some-length' };
    expect((await ask(served.port, '/v1/gateways', { headers })).status).toBe(200);
  });
});
