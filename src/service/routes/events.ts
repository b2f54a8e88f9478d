import type { ServiceEvent } from '../event-hub.js';
import { Follower } from '../follower.js';
import { type Route, route } from '../route.js';
import { eventsQuery } from '../schemas.js';
import type { Service } from '../service.js';

/** A comment now and then, so that both sides see when the other has gone, ms. */
const HEARTBEAT_MS = 15_000;
const FIGURES_MS = 1_000;

export function eventRoutes(service: Service): Route[] {
  return [
    route({
      method: 'GET',
      path: '/v1/events',
      operationId: 'followEvents',
      tag: 'events',
      summary: 'Server-sent events: decisions, closed connections, gateways, jobs, admission',
      access: 'node',
      query: eventsQuery,
      answers: { 200: { description: 'events, each a line of JSON', content: 'text/event-stream' } },
      handle: async ({ query }, reply) => {
        const { types, gateway, job, since, follow = true } = query;
        const isWanted = (event: ServiceEvent) =>
          (types?.has(event.type) ?? true) &&
          (gateway === undefined || ('gateway' in event && event.gateway === gateway)) &&
          (job === undefined || event.job === job);
        reply.hijack();
        const { raw } = reply;
        raw.writeHead(200, {
          ...(reply.getHeaders() as Record<string, string>),
          'Content-Type': 'text/event-stream; charset=utf-8',
          'X-Accel-Buffering': 'no',
        });
        const ends: (() => void)[] = [];
        const follower = new Follower(raw, () => {
          for (const end of ends) end();
        });
        const remembered = since === undefined ? [] : service.recent.since(since).filter(isWanted);
        // As one piece: a reader has not been too slow for what was before it came.
        follower.write([': jobgate\n\n', ...remembered.map(text)].join(''));
        if (!follow) return follower.end();
        ends.push(
          service.hub.subscribe((event) => {
            if (isWanted(event)) follower.write(text(event));
          }),
          every(HEARTBEAT_MS, () => follower.write(': still here\n\n')),
          service.onEnd(() => follower.end()),
        );
        if (query.figures) {
          const sendFigures = () => follower.write(message('figures', figuresOf(service, gateway)));
          sendFigures();
          ends.push(every(FIGURES_MS, sendFigures));
        }
      },
    }),
  ];
}

function text(event: ServiceEvent): string {
  return message(event.type, { ...event, time: new Date(event.time).toISOString() });
}

function message(event: string, data: unknown): string {
  return `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}

function every(ms: number, work: () => void): () => void {
  const timer = setInterval(work, ms);
  return () => clearInterval(timer);
}

function figuresOf(service: Service, only: string | undefined) {
  const gateways = service.gateways
    .list()
    .filter(({ id }) => only === undefined || id === only)
    .map((served) => {
      const { up, down, connections, allowed, denied, throttledMs } = served.gateway.figures();
      return { id: served.id, state: served.state, up, down, connections, allowed, denied, throttledMs };
    });
  return { time: new Date().toISOString(), gateways };
}
