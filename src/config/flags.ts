import { type Layer, LayerBuilder, SETTING_NAMES } from './layer.js';
import { flagName, type Setting, spellings } from './setting.js';
import { SETTINGS } from './settings.js';

/** Reads the options of a command line, as commander gives them; those that are no settings belong to the command. */
export function readFlags(flags: object): { layer: Layer; problems: readonly string[] } {
  const builder = new LayerBuilder();
  const options = flags as Record<string, unknown>;
  for (const name of SETTING_NAMES) {
    const setting: Setting = SETTINGS[name];
    for (const { flag, negated = false } of spellings(setting)) {
      const given = flag === undefined ? undefined : options[flag];
      // Repeatable options are empty lists where they aren't given.
      if (flag === undefined || given === undefined || (Array.isArray(given) && given.length === 0)) continue;
      builder.add(name, fromOption(setting.kind, given), { where: flagName(flag), negated });
    }
  }
  return { layer: builder.layer, problems: builder.problems };
}

function fromOption(kind: Setting['kind'], given: unknown): unknown {
  if (Array.isArray(given))
    return given.flatMap((item) => (typeof item === 'string' ? kind.fromText(item) : item));
  return typeof given === 'string' ? kind.fromText(given) : given;
}
