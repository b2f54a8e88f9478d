import { type AllowedMount, mountsFor, resolveMount } from '../allowed-mounts.js';
import { isLocalType } from '../job.js';
import { accept, listed, type Rule, refuse } from '../rule.js';

/** Local inputs: only from below the operator's directories, by real path. */
export function mountsRule({ allowed }: { readonly allowed: readonly AllowedMount[] }): Rule {
  return {
    name: 'mounts',
    async decide(job) {
      const local = job.inputs.filter(({ type }) => isLocalType(type));
      if (local.length === 0) return accept('without mounts from the node');
      const resolved = await Promise.all(local.map((input) => resolveMount(input, mountsFor(job, allowed))));
      const problems = resolved.flatMap((mount) => (mount.ok ? [] : [mount.problem]));
      if (problems.length > 0) return refuse(`that mount ${listed(problems)}`);
      return accept('that mount only what its operator allows');
    },
  };
}
