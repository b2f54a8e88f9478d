/**
 * A serve without an engine, until it is killed, that has taken over the gateway of one job with a budget. Prints the port
 * of its proxy, and whatever it decides.
 *
 *   node --import tsx budget-serve.ts STATE-DIRECTORY ORIGIN-PORT RATE BUDGET
 */
import { openOwner } from '../../docker/gateway/owner.js';
import { parseBudget } from '../../proxy/policy/budget.js';
import { FakeEngine, FakeGateways, startService } from './service.js';

const [stateDirectory = '', origin = '', rate = '', budget = ''] = process.argv.slice(2);
const parsed = parseBudget(budget);
if (!parsed.ok) throw new Error(parsed.problem);
const dead = await openOwner('serve');
await dead.close();
const engine = new FakeEngine();
const gateways = new FakeGateways();
const allow = [`allowed.test:${origin}`];
const id = engine.addNetwork(dead.ref, { allow, rate: Number(rate), budget: parsed.value }, '0123456789ab');
const { service } = await startService(
  {
    stateDirectory,
    ...{ allowAddress: ['127.0.0.0/8'], addHost: ['allowed.test:127.0.0.1'], rate: 'unlimited' },
  },
  { env: { JOBGATE_CHECK_TUNNELS: 'false' }, engine, gateways },
);
service.hub.subscribe(
  (event) => event.type === 'decision' && process.stdout.write(`decision ${event.reason}\n`),
);
process.stdout.write(`port ${gateways.proxies.get(id)?.port}\n`);
