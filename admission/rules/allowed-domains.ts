import { type Allowlist, parseEntry } from '../../proxy/policy/allowlist.js';
import { accept, listed, type Rule, refuse } from '../rule.js';

/**
 * Domains that the node lets jobs reach. Set semantics: every entry of the job must lie within the node's entries; a
 * `.x.com` only within `.x.com` or a wider dot entry. Other networks than HTTP would walk round the list.
 */
export function allowedDomainsRule({
  allowlist,
  allowPorts,
  close,
}: {
  /** The list in force now. */
  readonly allowlist: () => Allowlist;
  readonly allowPorts: readonly number[];
  readonly close?: () => void;
}): Rule {
  return {
    name: 'allowed-domains',
    decide({ network: { type, domains, fromDefault } }) {
      if (type === 'None' || type === 'Default') return accept('that need no network');
      if (fromDefault && type === 'Bridge') {
        return refuse(
          'with Default networking, which is an open Bridge where they run, because it allows certain domains only: set Network.Type to None, or to HTTP with Domains',
        );
      }
      if (type !== 'HTTP') {
        return refuse(
          `with ${type} networking, because it allows certain domains only: set Network.Type to HTTP`,
        );
      }
      const node = allowlist();
      const outside = domains.filter((domain) => {
        const entry = parseEntry(domain, { allowPorts });
        return !entry.ok || !node.covers(entry.value);
      });
      if (outside.length > 0) return refuse(`that need domains not on its allowlist: ${listed(outside)}`);
      return accept('that need only domains on its allowlist');
    },
    ...(close && { close }),
  };
}
