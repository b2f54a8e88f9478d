import type { Auth } from '../auth.js';
import { pageRoutes } from '../page/page-route.js';
import type { Route } from '../route.js';
import type { Service } from '../service.js';
import { admissionRoutes } from './admission.js';
import { eventRoutes } from './events.js';
import { gatewayRoutes } from './gateways.js';
import { healthRoutes } from './health.js';
import { jobRoutes } from './jobs.js';
import { overviewRoutes } from './overview.js';

/** All routes of the API. */
export function serviceRoutes(service: Service, auth: Auth): Route[] {
  return [
    ...healthRoutes(service),
    ...overviewRoutes(service),
    ...admissionRoutes(service),
    ...gatewayRoutes(service),
    ...jobRoutes(service),
    ...eventRoutes(service),
    ...pageRoutes(auth),
  ];
}
