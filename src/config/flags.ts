import { type Layer, LayerBuilder, SETTING_NAMES } from './layer.js';
import type { Setting } from './setting.js';
import { SETTINGS } from './settings.js';

/** Reads the options of a command line, as commander gives them; those that are no settings belong to the command. */
export function readFlags(flags: object): { layer: Layer; problems: readonly string[] } {
  const builder = new LayerBuilder();
  const options = flags as Record<string, unknown>;
  for (const name of SETTING_NAMES) {
    const { kind, flag, aliases = [] } = SETTINGS[name] as Setting;
    for (const { flag: option, negated = false } of [{ flag }, ...aliases] as {
      flag?: string;
      negated?: boolean;
    }[]) {
      const given = option === undefined ? undefined : options[option];
      // Repeatable options are empty lists where they aren't given.
      if (option === undefined || given === undefined || (Array.isArray(given) && given.length === 0))
        continue;
      const where = `--${option.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
      builder.add(name, fromOption(kind, given), { where, negated });
    }
  }
  return { layer: builder.layer, problems: builder.problems };
}

function fromOption(kind: Setting['kind'], given: unknown): unknown {
  if (Array.isArray(given))
    return given.flatMap((item) => (typeof item === 'string' ? kind.fromText(item) : item));
  return typeof given === 'string' ? kind.fromText(given) : given;
}
