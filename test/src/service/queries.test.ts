import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Answer, ask, open } from '../../support/serve.js';
import { startService, type TestService } from '../../support/service.js';

let served: TestService;
beforeEach(async () => {
  served = await startService();
});
afterEach(() => served[Symbol.asyncDispose]());

const get = (path: string): Promise<Answer> => ask(served.port, path);
const openGateway = async (jobId: string, executionId?: string): Promise<string> => {
  const body = { jobId, ...(executionId && { executionId }), network: { Domains: ['example.com'] } };
  return (await ask(served.port, '/v1/gateways', { body })).body.id;
};
const jobsOf = ({ body }: Answer) => body.gateways.map(({ jobId }: { jobId: string }) => jobId);

describe('parameters of a query', () => {
  it.each([
    ['/v1/gateways?limt=1', '?limt: unknown parameter: did you mean ?limit?'],
    ['/v1/jobs?states=ended', '?states: unknown parameter: did you mean ?state?'],
    ['/v1/gateways?colour=1', '?colour: unknown parameter: there are ?state, ?job, ?limit'],
    ['/v1/gateways/x?follow=1', '?follow: unknown parameter: there are none here'],
    ['/healthz?deep', '?deep: unknown parameter: there are none here'],
    ['/v1/gateways?__proto__=1', '?__proto__: unknown parameter: there are ?state, ?job, ?limit'],
    ['/v1/gateways?limit=0', '?limit: must be a whole number from 1 to 1000'],
    ['/v1/gateways?limit=1&limit=2', '?limit: is there more than once'],
    ['/v1/gateways?state=opened', '?state: must be of open, draining, failed, closed: did you mean open?'],
    ['/v1/jobs?state=closed', '?state: must be of starting, running, stopping, ended, failed'],
    [
      '/v1/events?types=desicion',
      '?types: must be of decision, closed, gateway, job, admission: did you mean decision?',
    ],
    ['/v1/events?since=tomorrow', '?since: must be a time ago, as 10m, or a moment, as 2030-01-31T12:00:00Z'],
    ['/v1/events?follow=maybe', '?follow: must be true or false'],
  ])('%s is an error that names what is meant', async (path, problem) => {
    const { status, body } = await get(path);
    expect({ status, ...body }).toMatchObject({ status: 400, error: 'invalid-request' });
    expect(body.message.startsWith(problem)).toBe(true);
  });

  it('choose of a list by state and job, and the newest of it', async () => {
    for (const execution of ['e-1', 'e-2', 'e-3']) await openGateway('job-a', execution);
    const last = await openGateway('job-b');
    expect(jobsOf(await get('/v1/gateways'))).toEqual(['job-a', 'job-a', 'job-a', 'job-b']);
    expect(jobsOf(await get('/v1/gateways?limit=2'))).toEqual(['job-a', 'job-b']);
    expect(jobsOf(await get('/v1/gateways?job=job-b&state=open,failed'))).toEqual(['job-b']);
    expect(jobsOf(await get('/v1/gateways?job=job-c'))).toEqual([]);

    expect(jobsOf(await get('/v1/gateways?state=closed'))).toEqual([]);
    await ask(served.port, `/v1/gateways/${last}`, { method: 'DELETE' });
    expect(jobsOf(await get('/v1/gateways'))).toEqual(['job-a', 'job-a', 'job-a']);
    const closed = await get('/v1/gateways?state=closed');
    expect(closed.body.gateways).toMatchObject([
      { id: last, state: 'closed', reason: 'asked to', ended: expect.stringMatching(/^\d{4}-.*Z$/) },
    ]);
    expect((await get('/v1/jobs?state=ended&limit=5&job=x')).body).toEqual({ jobs: [] });
  });

  it('have events that were before them told first, each with a time as all others', async () => {
    const id = await openGateway('job-a');
    await openGateway('job-b');
    const { body } = await get(`/v1/events?since=1m&follow=false&gateway=${id}`);
    const events = [...body.matchAll(/^data: (.*)$/gm)].map(([, line]) => JSON.parse(line ?? ''));
    expect(events).toMatchObject([{ type: 'gateway', change: 'opened', job: 'job-a' }]);
    expect(new Date(events[0].time).toISOString()).toBe(events[0].time);
    expect((await get('/v1/events?since=1m&follow=false&job=job-b')).body).toContain('job-b');
    const soon = new Date(Date.now() + 60_000).toISOString();
    expect((await get(`/v1/events?since=${soon}&follow=false`)).body).toBe(': jobgate\n\n');
    expect((await get('/v1/events?follow=false')).body).toBe(': jobgate\n\n');

    const live = await open(served.port, '/v1/events?since=1m&types=gateway');
    live.setEncoding('utf8');
    let told = '';
    live.on('data', (text: string) => {
      told += text;
    });
    await expect.poll(() => told).toContain('job-b');
    await openGateway('job-c');
    await expect.poll(() => told).toContain('job-c');
    live.destroy();
  });
});
