import { createAdmission } from '../../admission/admission.js';
import { openEngine } from '../../docker/engine.js';
import { hostAddresses, routes } from '../../docker/host-net.js';
import { knownHoles } from '../../docker/known-holes.js';
import { Lockdown } from '../../docker/lockdown.js';
import { SubnetPool } from '../../docker/subnet-pool.js';
import { formatRate } from '../../proxy/rate/parse.js';
import type { Config } from '../config/load.js';
import { type Finding, fail, failure, ok, warn } from './finding.js';
import { openFiles, otherFirewalls, platform, privileges } from './host.js';

/** Looks at what this node can enforce and what is missing. Changes nothing. */
export async function examine(config: Config): Promise<Finding[]> {
  return [
    platform(),
    ...(await engine()),
    privileges(),
    await lockdown(config),
    otherFirewalls(),
    subnets(config),
    openFiles(),
    ...egress(config),
    await admission(config),
  ];
}

async function engine(): Promise<Finding[]> {
  try {
    const { version, apiVersion, endpoint } = await openEngine();
    const where = ok('engine', `Docker ${version}, API ${apiVersion}, at ${endpoint.url} (${endpoint.from})`);
    const holes = knownHoles(version).map(({ id, what, covered, fixed }) =>
      warn(
        'engine',
        `${id}: ${what}; ${covered}`,
        `Docker ${fixed[0]} or later, if your distribution has not mended it already`,
      ),
    );
    return [where, ...holes];
  } catch (error) {
    return [failure('engine', error)];
  }
}

async function lockdown(config: Config): Promise<Finding> {
  try {
    const missing = await new Lockdown({ port: config.gateway.port }).verify();
    if (missing.length === 0) return ok('lock-down', `stands, gateway port ${config.gateway.port}`);
    return warn(
      'lock-down',
      `${missing.length} rules or chains are missing; the first gateway installs them`,
      'jobgate lockdown',
    );
  } catch (error) {
    return failure('lock-down', error);
  }
}

function subnets(config: Config): Finding {
  try {
    const pool = new SubnetPool(config.gateway.subnetPool);
    const taken = [...hostAddresses(), ...routes().map((route) => route.cidr)];
    let free = 0;
    for (const _ of pool.free(taken)) free++;
    const text = `${free} of ${pool.size} networks free`;
    if (free === 0) return fail('subnet pool', text, 'set another pool (--subnet-pool), or jobgate clean');
    return free < 32
      ? warn('subnet pool', text, 'set another pool (--subnet-pool), or jobgate clean')
      : ok('subnet pool', text);
  } catch (error) {
    return failure('subnet pool', error);
  }
}

function egress({ operator, rate }: Config): Finding[] {
  const findings = [ok('egress', `${formatRate(rate)} in each direction, DNS ${operator.dns}`)];
  if (!operator.checkTunnels) {
    findings.push(
      warn(
        'egress',
        'tunnels are not checked: a job may send anything through them',
        'Egress.CheckTunnels: true',
      ),
    );
  }
  if (operator.allowAddresses.length > 0) {
    findings.push(
      warn('egress', `jobs may reach addresses that are not public: ${operator.allowAddresses.join(', ')}`),
    );
  }
  return findings;
}

async function admission(config: Config): Promise<Finding> {
  try {
    await using node = createAdmission(config.admission);
    const allowlist = node.allowlist();
    const domains = allowlist
      ? `${allowlist.entries.length} allowed domains${allowlist.file ? ` from ${config.admission.allowedDomainsFile}` : ''}`
      : 'any domain';
    return ok(
      'admission',
      `${config.admission.rejectNetworkedJobs ? 'networked jobs are refused' : 'networked jobs are accepted'}, ${domains}`,
    );
  } catch (error) {
    return failure('admission', error);
  }
}
