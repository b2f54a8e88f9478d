import { overview } from '../overview/overview-schema.js';
import { type Route, route } from '../route.js';
import type { Service } from '../service.js';

export function overviewRoutes(service: Service): Route[] {
  return [
    route({
      method: 'GET',
      path: '/v1/overview',
      operationId: 'getOverview',
      tag: 'health',
      summary: 'How the node is, and how its last hour was: rate, jobs, refusals, verdicts, its parts',
      access: 'node',
      answers: { 200: { description: 'the overview', schema: overview } },
      handle: async () => service.overview.view(),
    }),
  ];
}
