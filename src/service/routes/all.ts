import type { Auth } from '../auth.js';
import type { Route } from '../route.js';
import type { Service } from '../service.js';
import { admissionRoutes } from './admission.js';
import { gatewayRoutes } from './gateways.js';
import { healthRoutes } from './health.js';

/** All routes of the API. */
export function serviceRoutes(service: Service, _auth: Auth): Route[] {
  return [...healthRoutes(service), ...admissionRoutes(service), ...gatewayRoutes(service)];
}
