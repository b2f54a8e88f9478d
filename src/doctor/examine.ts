import { createAdmission } from '../../admission/admission.js';
import { type Engine, openEngine } from '../../docker/engine/engine.js';
import { knownHoles } from '../../docker/gateway/known-holes.js';
import { SubnetPool } from '../../docker/gateway/subnet-pool.js';
import { rangesInUse } from '../../docker/host/host-net.js';
import { machineAddresses } from '../../proxy/decide/machine-addresses.js';
import { parseIp } from '../../proxy/policy/ip.js';
import { isPublic } from '../../proxy/policy/public-address.js';
import { formatRate } from '../../proxy/policy/rate.js';
import type { Config } from '../config/load.js';
import { abandoned } from './abandoned.js';
import { engineLimits } from './engine-limits.js';
import { type Finding, fail, failure, ok, warn } from './finding.js';
import { openFiles } from './host.js';
import { placements } from './placements.js';

/** Looks at what this node can enforce and what is missing. Changes nothing. */
export async function examine(config: Config): Promise<Finding[]> {
  const { engine, findings: found } = await findEngine();
  const findings = [
    ...found,
    ...(await placements(config, engine)),
    subnets(config),
    openFiles(),
    nodeAddresses(config),
    ...egress(config),
    ...configuration(config),
    await admission(config),
    ...(await abandoned(config)),
  ];
  return [...findings, verdict(findings)];
}

/** What the exit code says. What fails at one placement only is in the finding on both. */
function verdict(findings: readonly Finding[]): Finding {
  const failed = findings.filter(({ status, placement }) => status === 'fail' && !placement);
  if (failed.length === 0) return ok('verdict', 'HTTP jobs can be enforced here');
  const checks = [...new Set(failed.map(({ check }) => check))].join(', ');
  return fail('verdict', `HTTP jobs cannot be enforced here: ${checks}`);
}

async function findEngine(): Promise<{ engine?: Engine; findings: Finding[] }> {
  try {
    const engine = await openEngine();
    const { product, version, apiVersion, endpoint } = engine;
    const { rootless, limits } = await engineLimits(engine);
    const where = ok(
      'engine',
      `${product} ${version}${rootless ? ', rootless' : ''}, API ${apiVersion}, at ${endpoint.url} (${endpoint.from})`,
    );
    const holes = (product === 'Docker' ? knownHoles(version) : []).map(({ id, what, covered, fixed }) =>
      warn(
        'engine',
        `${id}: ${what}; ${covered}`,
        `Docker ${fixed[0]} or later, if your distribution has not mended it already`,
      ),
    );
    return { engine, findings: [where, ...holes, ...limits] };
  } catch (error) {
    return { findings: [failure('engine', error)] };
  }
}

/** Jobs reach none of them. A cloud's public address is on no interface, so only the operator knows it. */
function nodeAddresses({ operator }: Config): Finding {
  const known = machineAddresses().filter((address) => {
    const ip = parseIp(address);
    return ip !== undefined && isPublic(ip);
  });
  const all = [...new Set([...operator.nodeAddresses, ...known])];
  const check = 'node addresses';
  if (all.length > 0) return ok(check, `${all.join(', ')}: refused to jobs, as all of this node's`);
  return warn(
    check,
    'no public address of this node is known; one that a cloud translates is on no interface',
    'if it has one: Egress.NodeAddresses',
  );
}

function subnets(config: Config): Finding {
  try {
    const pool = new SubnetPool(config.gateway.subnetPool);
    let free = 0;
    for (const _ of pool.free(rangesInUse())) free++;
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

function configuration({ notes = [] }: Config): Finding[] {
  return notes.filter(({ level }) => level === 'warn').map(({ text }) => warn('configuration', text));
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
