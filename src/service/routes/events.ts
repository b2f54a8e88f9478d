import { ApiError } from '../api-error.js';
import type { ServiceEvent } from '../event-hub.js';
import { Follower } from '../follower.js';
import { type Route, route } from '../route.js';
import { eventsQuery } from '../schemas.js';
import type { Service } from '../service.js';

const TYPES = ['decision', 'closed', 'gateway', 'job', 'admission'] as const;
/** A comment now and then, so that both sides see when the other has gone, ms. */
const HEARTBEAT_MS = 15_000;
const FIGURES_MS = 1_000;

export function eventRoutes(service: Service): Route[] {
  return [
    route({
      method: 'GET',
      path: '/v1/events',
      summary: 'Server-sent events: decisions, closed connections, gateways, jobs, admission',
      access: 'node',
      query: eventsQuery,
      answers: { 200: { description: 'events, each a line of JSON', content: 'text/event-stream' } },
      handle: async ({ query }, reply) => {
        const wanted = wantedTypes(query.types);
        const { gateway } = query;
        const isWanted = (event: ServiceEvent) =>
          wanted.has(event.type) &&
          (gateway === undefined || ('gateway' in event && event.gateway === gateway));
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
        const send = (event: string, data: unknown) =>
          follower.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
        ends.push(
          service.hub.subscribe((event) => {
            if (isWanted(event)) send(event.type, event);
          }),
          every(HEARTBEAT_MS, () => follower.write(': still here\n\n')),
          service.onEnd(() => follower.end()),
        );
        if (query.figures !== undefined && query.figures !== '0') {
          const tell = () => send('figures', figuresOf(service, gateway));
          tell();
          ends.push(every(FIGURES_MS, tell));
        }
        follower.write(': jobgate\n\n');
      },
    }),
  ];
}

function wantedTypes(text: string | undefined): ReadonlySet<string> {
  const types = text === undefined ? [...TYPES] : text.split(',');
  const unknown = types.find((type) => !TYPES.some((known) => known === type));
  if (unknown === undefined) return new Set(types);
  throw ApiError.invalid([
    { path: '?types', problem: `unknown type ${JSON.stringify(unknown)}: ${TYPES.join(', ')}` },
  ]);
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
  return { time: Date.now(), gateways };
}
