import { parseEntry } from '../../proxy/policy/allowlist.js';
import { parseCidrPort } from '../../proxy/policy/cidr-port.js';
import { DenyList } from '../../proxy/policy/deny-list.js';
import type { HostEntry } from '../../proxy/policy/entry.js';
import { parseIp, unmapped } from '../../proxy/policy/ip.js';
import type { OperatorPolicy } from '../../proxy/policy/policy.js';
import { isPublic } from '../../proxy/policy/public-address.js';
import { accept, listed, type Rule } from '../rule.js';

export type Reach = Pick<OperatorPolicy, 'deny' | 'allowAddresses' | 'allowPorts'>;

/** Warns of domains that a job may name and will not reach, whatever they resolve to. Refuses nobody. */
export function unreachableRule({ deny, allowAddresses, allowPorts }: Reach): Rule {
  const denied = DenyList.parse(deny);
  const exceptions = allowAddresses.flatMap((text) => {
    const parsed = parseCidrPort(text);
    return parsed.ok ? [parsed.value.range] : [];
  });
  return {
    name: 'unreachable',
    decide({ network: { domains } }) {
      const warnings = domains.flatMap((domain) => {
        const entry = parseEntry(domain, { allowPorts });
        const why = entry.ok ? whyNot(entry.value) : undefined;
        return why === undefined ? [] : [`${domain}, ${why}`];
      });
      if (warnings.length === 0) return accept('of whose domains none is denied');
      return accept(`that name what they do not reach here: ${listed(warnings)}`);
    },
  };

  function whyNot({ host, kind, subdomains, port }: HostEntry): string | undefined {
    const ports = port === undefined ? [80, 443] : [port];
    // Of a dot entry all names: the one below stands for them.
    const hosts = subdomains ? [host, `any-name.${host}` as typeof host] : [host];
    if (hosts.every((one) => ports.every((at) => denied.match(one, at)))) return 'which its operator denies';
    if (kind === 'name') return undefined;
    const ip = parseIp(host);
    if (ip === undefined || isPublic(unmapped(ip))) return undefined;
    return exceptions.some((range) => range.contains(unmapped(ip)))
      ? undefined
      : 'which is no public address';
  }
}
