import { nearest } from '../../admission/known-keys.js';
import { type Layer, LayerBuilder, SETTING_NAMES } from './layer.js';
import { type Setting, spellings } from './setting.js';
import { OTHER_VARIABLES, SETTINGS, type SettingName } from './settings.js';

const PREFIX = 'JOBGATE_';

/** Reads `JOBGATE_…`. A variable of that name that is no setting is a problem, as an unknown key is in a file. */
export function readEnvironment(env: Readonly<Record<string, string | undefined>>): {
  layer: Layer;
  problems: readonly string[];
} {
  const builder = new LayerBuilder();
  for (const [variable, text] of Object.entries(env)) {
    if (!variable.startsWith(PREFIX) || text === undefined || OTHER_VARIABLES.test(variable)) continue;
    const place = VARIABLES.get(variable);
    if (!place) {
      const near = nearest(
        variable.slice(PREFIX.length),
        [...VARIABLES.keys()].map((name) => name.slice(PREFIX.length)),
      );
      builder.problems.push(`${variable}: unknown variable${near ? `: did you mean ${PREFIX}${near}?` : ''}`);
      continue;
    }
    const { kind, emptyIsValue } = SETTINGS[place.name] as Setting;
    if (text === '' && !emptyIsValue) continue;
    builder.add(place.name, kind.fromText(text), { where: variable, negated: place.negated });
  }
  return { layer: builder.layer, problems: builder.problems };
}

const VARIABLES: ReadonlyMap<string, { name: SettingName; negated: boolean }> = new Map(
  SETTING_NAMES.flatMap((name) =>
    spellings(SETTINGS[name]).flatMap(({ env, negated = false }) =>
      env === undefined ? [] : [[env, { name, negated }] as const],
    ),
  ),
);
