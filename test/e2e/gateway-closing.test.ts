import { expect, it } from 'vitest';
import { openOwner } from '../../docker/gateway/owner.js';
import { DEFAULT_OPERATOR_POLICY } from '../../proxy/policy/policy.js';
import { Cleanup } from '../support/cleanup.js';
import { describeE2e, docker } from '../support/e2e.js';
import { openEngine } from '../support/isolated-job.js';
import { testGateways } from '../support/placement.js';

describeE2e('a gateway that is closed', () => {
  it.each(['leave', 'drain'] as const)('goes with its network, also while it is to %s', async (end) => {
    await using cleanup = new Cleanup();
    const gateway = cleanup.use(
      await testGateways()({
        engine: await openEngine(),
        owner: cleanup.use(await openOwner('serve')),
        policy: {
          job: { job: 'gateway-test', allow: ['allowed.test'], rate: null },
          operator: DEFAULT_OPERATOR_POLICY,
        },
      }),
    );
    const networks = async () => (await docker('network', 'ls', '--format', '{{.Name}}')).split('\n');
    expect(await networks()).toContain(gateway.network.name);
    const ending = gateway[end](60_000);
    await gateway.close();
    await ending;
    expect(await networks()).not.toContain(gateway.network.name);
  });
});
