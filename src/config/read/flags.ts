import { type Layer, LayerBuilder, SETTING_NAMES } from '../layer.js';
import { flagName, type Setting, spellings } from '../setting.js';
import { SETTINGS } from '../settings.js';
import { keyAt } from './keys.js';
import type { VersionEvidence } from './reference-keys.js';

/** `--config` as it is given: files, and `KEY=VALUE` of a file that there is not. */
export interface ConfigArguments {
  readonly files: readonly string[];
  /** By key as written; the last one of a key. */
  readonly values: ReadonlyMap<string, string>;
}

/** Tells them apart as the reference does: what has a `=` is a value, and so is a key alone, which says true. */
export function readConfigArguments(given: string | readonly string[] = []): ConfigArguments {
  const files: string[] = [];
  const values = new Map<string, string>();
  for (const text of [given].flat()) {
    const [, key, value = 'true'] = /^([A-Za-z]\w*(?:\.\w+)*)(?:=(.*))?$/s.exec(text) ?? [];
    const isKey = text.includes('=') || (!/\.ya?ml$/i.test(text) && key?.includes('.') && isKnown(key));
    if (key === undefined || !isKey) files.push(text);
    else values.set(key, value);
  }
  return { files, values };
}

function isKnown(key: string): boolean {
  const { kind } = keyAt(key);
  return kind === 'setting' || kind === 'passed over';
}

/**
 * Reads the options of a command line, as commander gives them; those that are no settings belong to the command.
 *
 * @param evidence is shown the keys of `--config KEY=VALUE`.
 */
export function readFlags(
  flags: object,
  values: ConfigArguments['values'],
  evidence: VersionEvidence,
): { layer: Layer; problems: readonly string[] } {
  const builder = new LayerBuilder();
  const options = flags as Record<string, unknown>;
  for (const name of SETTING_NAMES) {
    const setting: Setting = SETTINGS[name];
    for (const { flag, key, negated = false } of spellings(setting)) {
      const given = flag === undefined ? undefined : options[flag];
      // Repeatable options are empty lists where they aren't given.
      if (flag === undefined || given === undefined || (Array.isArray(given) && given.length === 0)) continue;
      builder.add(name, fromOption(setting.kind, given), { where: flagName(flag), key, negated });
    }
  }
  const unknown: string[] = [];
  for (const [path, text] of values) {
    const key = keyAt(path);
    const where = `--config ${path}`;
    evidence.see(path);
    if (key.kind === 'unknown') unknown.push(`${where}: ${key.problem}`);
    if (key.kind === 'section') unknown.push(`${where}: is a section: write --config ${path}.KEY=VALUE`);
    if (key.kind !== 'setting') continue;
    const { kind } = SETTINGS[key.place.name] as Setting;
    builder.add(key.place.name, kind.fromText(text), { ...key.place, where });
  }
  return { layer: builder.layer, problems: [...builder.problems, ...unknown] };
}

function fromOption(kind: Setting['kind'], given: unknown): unknown {
  if (Array.isArray(given))
    return given.flatMap((item) => (typeof item === 'string' ? kind.fromText(item) : item));
  return typeof given === 'string' ? kind.fromText(given) : given;
}
