import type { Given, Layer } from './layer.js';
import type { Setting } from './setting.js';
import { SETTINGS, type SettingName } from './settings.js';

type ValueOf<Name extends SettingName> = (typeof SETTINGS)[Name] extends Setting<infer T> ? T : never;

/** The value of each setting: the first layer that has it, else the default. */
export class Settings {
  readonly #layers: readonly Layer[];

  /** @param layers strongest first. */
  constructor(layers: readonly Layer[]) {
    this.#layers = layers;
  }

  /** What somebody set; undefined where nobody did and there is no default. */
  get<Name extends SettingName>(name: Name): ValueOf<Name> | undefined {
    const setting = SETTINGS[name] as Setting;
    if (setting.adds) {
      const all = this.#layers.flatMap((layer) => (layer.get(name)?.value as unknown[] | undefined) ?? []);
      return [...new Set(all)] as ValueOf<Name>;
    }
    const given = this.given(name);
    // Null is a value: an unlimited rate.
    return (given ? given.value : setting.default) as ValueOf<Name> | undefined;
  }

  /** The same of a setting that has a default. */
  value<Name extends SettingName>(name: Name): ValueOf<Name> {
    const value = this.get(name);
    if (value === undefined) throw new Error(`no default for ${name}`);
    return value;
  }

  /** The strongest mention of a setting, and which layer it is from. */
  given(name: SettingName): (Given & { readonly layer: number }) | undefined {
    for (const [layer, values] of this.#layers.entries()) {
      const given = values.get(name);
      if (given) return { ...given, layer };
    }
    return undefined;
  }
}
