/**
 * A process that holds a gateway and a job's container until it is killed. Prints a line of JSON about them.
 *
 *   node --import tsx gateway-holder.ts run|serve http|none
 */
import { isolatedOptions } from '../../docker/engine/container.js';
import { openEngine } from '../../docker/engine/engine.js';
import { containerName, openOwner } from '../../docker/gateway/owner.js';
import { DEFAULT_OPERATOR_POLICY } from '../../proxy/policy/policy.js';
import { JOB_IMAGE } from './engine.js';
import { testGateways } from './placement.js';

const [kind, networking] = process.argv.slice(2);
const engine = await openEngine();
const owner = await openOwner(kind === 'serve' ? 'serve' : 'run');
const gateway =
  networking === 'http'
    ? await testGateways()({
        engine,
        owner,
        policy: {
          job: { job: 'held', allow: ['allowed.test'], rate: null },
          operator: DEFAULT_OPERATOR_POLICY,
        },
      })
    : undefined;
const name = containerName(owner);
const container = await engine.docker.createContainer({
  name,
  Image: JOB_IMAGE,
  Cmd: ['sleep', '600'],
  ...(gateway ? isolatedOptions(gateway.network.name) : { HostConfig: { NetworkMode: 'none' } }),
});
await container.start();
process.stdout.write(
  `${JSON.stringify({ container: name, network: gateway?.network, proxy: gateway?.proxy })}\n`,
);
setInterval(() => {}, 60_000);
