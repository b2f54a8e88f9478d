import { type Route, route } from '../route.js';
import { health, readiness } from '../schemas.js';
import type { Service } from '../service.js';

export function healthRoutes(service: Service): Route[] {
  return [
    route({
      method: 'GET',
      path: '/healthz',
      operationId: 'getHealth',
      tag: 'health',
      summary: 'Whether this serve lives',
      access: 'open',
      answers: { 200: { description: 'it does', schema: health } },
      handle: async () => ({ status: 'ok' as const }),
    }),
    route({
      method: 'GET',
      path: '/readyz',
      operationId: 'getReadiness',
      tag: 'health',
      summary: 'Whether gateways can be opened now',
      access: 'open',
      answers: {
        200: { description: 'they can', schema: readiness },
        503: { description: 'the engine is away, or this serve is ending', schema: readiness },
      },
      handle: async (_input, reply) => {
        const reason = service.notReady();
        if (reason !== undefined) reply.code(503);
        return { ready: reason === undefined, ...(reason !== undefined && { reason }) };
      },
    }),
    route({
      method: 'GET',
      path: '/metrics',
      operationId: 'getMetrics',
      tag: 'health',
      summary: 'Metrics for Prometheus',
      access: 'node',
      answers: { 200: { description: 'the metrics', content: 'text/plain; version=0.0.4; charset=utf-8' } },
      handle: async (_input, reply) => {
        reply.type(service.metrics.contentType);
        return service.metrics.text();
      },
    }),
  ];
}
