import { ID_PATTERN, type Job, type NetworkSpec } from '../job.js';
import { accept, listed, type Rule, refuse } from '../rule.js';

/**
 * What a job asks for as a network and round it. The parser refuses most of this with a path; here it holds for jobs
 * that a program has put together itself, too.
 */
export function requestedNetworkRule({
  rejectHost,
  gateDefault = [],
  gateHostNetwork = true,
}: {
  readonly rejectHost: boolean;
  /** What the gate makes of a Bridge: HTTP to these domains, or no network. */
  readonly gateDefault?: readonly string[] | undefined;
  readonly gateHostNetwork?: boolean | undefined;
}): Rule {
  return {
    name: 'requested-network',
    decide(job) {
      const problem = idProblem(job) ?? networkProblem(job) ?? forbidden(job);
      if (problem) return refuse(problem);
      if (rejectHost && job.network.type === 'Host')
        return refuse("that use the host's network: set Network.Type to HTTP");
      if (job.network.type === 'Host' && job.network.atGate && !gateHostNetwork)
        return refuse("that use the host's network, which its gate gives to none: set Network.Type to HTTP");
      return accept(`with ${inWords(job.network, gateDefault)}`);
    },
  };
}

/** What is not what it is called, is said: the job gets less or more than its author may think. */
function inWords(
  { type, domains, fromDefault, atGate }: NetworkSpec,
  gateDefault: readonly string[],
): string {
  const name = fromDefault ? 'Default' : type;
  if (atGate && type === 'Bridge') return `${name} networking, which is ${closed(gateDefault)}`;
  if (!fromDefault) return `${name} networking`;
  return `${name} networking, which is ${type === 'Bridge' ? 'an open Bridge where they run' : closed(domains)}`;
}

function closed(domains: readonly string[]): string {
  return domains.length > 0
    ? `HTTP to ${listed(domains)} here`
    : 'no network here: to have one, set Network.Type to HTTP, with Domains';
}

function idProblem({ id, executionId }: Job): string | undefined {
  for (const given of [id, executionId]) {
    if (given !== undefined && !ID_PATTERN.test(given)) {
      return 'whose id is not 1 to 128 letters, digits, dots, underscores or hyphens';
    }
  }
  return undefined;
}

function networkProblem({ network: { type, domains } }: Job): string | undefined {
  if (!['None', 'Default', 'Host', 'HTTP', 'Bridge'].includes(type)) return 'with an unknown network type';
  if (type === 'HTTP' && domains.length === 0)
    return 'with HTTP networking and no domain: name it in Network.Domains';
  if (type !== 'HTTP' && domains.length > 0) {
    return `that name domains with ${type} networking: set Network.Type to HTTP, or drop the domains`;
  }
  return undefined;
}

function forbidden({ forbidden }: Job): string | undefined {
  if (!forbidden || forbidden.length === 0) return undefined;
  return `that ask for ${listed(forbidden.map(({ path, what }) => `${what} (${path})`))}`;
}
