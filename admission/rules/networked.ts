import { accept, type Rule, refuse } from '../rule.js';

/** Networked jobs: all that ask for a network by name. Default is not one: it is None where this refuses. */
export function networkedRule({ reject }: { readonly reject: boolean }): Rule {
  return {
    name: 'networked',
    decide({ network: { type } }) {
      if (type === 'None' || type === 'Default') return accept('that need no network');
      if (!reject) return accept('that need a network');
      return refuse(`that need a network (this one asks for ${type}): set Network.Type to None`);
    },
  };
}
