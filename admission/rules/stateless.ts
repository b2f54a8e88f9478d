import { accept, type Rule, refuse } from '../rule.js';

/** Stateless jobs: those without input sources. */
export function statelessRule({ reject }: { readonly reject: boolean }): Rule {
  return {
    name: 'stateless',
    decide({ inputs }) {
      if (inputs.length > 0) return accept('with inputs');
      return reject ? refuse('without inputs (InputSources)') : accept('without inputs');
    },
  };
}
