import type { Job } from '../job.js';
import { isRecord } from '../known-keys.js';
import { shown } from '../problem.js';
import { accept, listed, type Rule, refuse } from '../rule.js';

/** What the reference's configuration has switched off, by type in any letter case. */
export interface Disabled {
  readonly engines: readonly string[];
  readonly inputs: readonly string[];
  readonly publishers: readonly string[];
}

export function disabledRule(disabled: Disabled): Rule {
  const isOff = (types: readonly string[], type: string) =>
    types.some((one) => one.trim().toLowerCase() === type.trim().toLowerCase());
  return {
    name: 'disabled',
    decide(job) {
      const publisher = publisherOf(job);
      const off = [
        ...(isOff(disabled.engines, job.engine.type) ? [`engine ${shown(job.engine.type)}`] : []),
        ...job.inputs
          .filter(({ type }) => isOff(disabled.inputs, type))
          .map(({ type }) => `input ${shown(type)}`),
        ...(isOff(disabled.publishers, publisher) ? [`publisher ${shown(publisher)}`] : []),
      ];
      if (off.length > 0) return refuse(`that need what it has disabled: ${listed([...new Set(off)])}`);
      return accept('that need nothing it has disabled');
    },
  };
}

/** Nothing but this rule looks at it: it is in the spec alone. */
function publisherOf({ spec }: Job): string {
  const tasks = isRecord(spec) && Array.isArray(spec.Tasks) ? spec.Tasks : [];
  const publisher: unknown = isRecord(tasks[0]) ? tasks[0].Publisher : undefined;
  return isRecord(publisher) && typeof publisher.Type === 'string' ? publisher.Type : '';
}
