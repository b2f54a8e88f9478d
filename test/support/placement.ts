import { containerGateways } from '../../docker/gateway/container-gateways.js';
import type { OpenGateway } from '../../docker/gateway/gateway.js';
import { hostGateways } from '../../docker/gateway/host-gateway.js';
import type { Placement } from '../../docker/gateway/owned-network.js';

/**
 * Where the gateways of this run of the end-to-end tests are: the suite runs once for each placement, and every command
 * line that it starts reads the same variable.
 */
export const placement: Placement = process.env.JOBGATE_GATEWAY === 'container' ? 'container' : 'host';

/** Gateways at that placement. */
export function testGateways(): OpenGateway {
  return placement === 'host' ? hostGateways() : containerGateways();
}
