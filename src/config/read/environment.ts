import { nearest } from '../../../admission/known-keys.js';
import { type Layer, LayerBuilder, SETTING_NAMES } from '../layer.js';
import { type Setting, spellings } from '../setting.js';
import { OTHER_VARIABLES, SETTINGS } from '../settings.js';
import { PLACES, type Place } from './keys.js';
import type { VersionEvidence } from './reference-keys.js';

const PREFIX = 'JOBGATE_';
/** Of the reference's variables, those in which each must be a setting. */
const SECTIONS = ['BACALHAU_JOBADMISSIONCONTROL_', 'BACALHAU_NODE_COMPUTE_JOBSELECTION_'];

/**
 * Reads `JOBGATE_…`, and what the reference reads of the same settings: `BACALHAU_` and the key. A variable of such a
 * name that is no setting is a problem, as an unknown key is in a file.
 *
 * @param evidence is shown the keys of the reference's variables.
 */
export function readEnvironment(
  env: Readonly<Record<string, string | undefined>>,
  evidence: VersionEvidence,
): { layer: Layer; problems: readonly string[] } {
  const builder = new LayerBuilder();
  for (const [variable, text] of Object.entries(env)) {
    const place = VARIABLES.get(variable);
    if (text === undefined || OTHER_VARIABLES.test(variable)) continue;
    if (!place) {
      const problem = unknown(variable);
      if (problem !== undefined) builder.problems.push(problem);
      continue;
    }
    const { kind, emptyIsValue } = SETTINGS[place.name] as Setting;
    if (text === '' && !emptyIsValue) continue;
    if (variable.startsWith(REFERENCE)) evidence.see(place.key);
    builder.add(place.name, kind.fromText(text), { ...place, where: variable });
  }
  return { layer: builder.layer, problems: builder.problems };
}

function unknown(variable: string): string | undefined {
  const prefix = [PREFIX, ...SECTIONS].find((one) => variable.startsWith(one));
  if (prefix === undefined) return undefined;
  const names = [...VARIABLES.keys()].filter((name) => name.startsWith(prefix));
  const near = nearest(
    variable.slice(prefix.length),
    names.map((name) => name.slice(prefix.length)),
  );
  return `${variable}: unknown variable${near ? `: did you mean ${prefix}${near}?` : ''}`;
}

const REFERENCE = 'BACALHAU_';

const VARIABLES: ReadonlyMap<string, Place> = new Map([
  ...SETTING_NAMES.flatMap((name) =>
    spellings(SETTINGS[name]).flatMap(({ env, key = '', negated = false }) =>
      env === undefined ? [] : [[env, { name, key, negated }] as const],
    ),
  ),
  ...[...PLACES.values()]
    .filter(({ key }) => /^(JobAdmissionControl|Compute|Node|Engines|InputSources|Publishers)\./.test(key))
    .map((place) => [REFERENCE + place.key.toUpperCase().replaceAll('.', '_'), place] as const),
]);
