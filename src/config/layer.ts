import { quote } from '../../admission/problem.js';
import type { Setting } from './setting.js';
import { SETTINGS, type SettingName } from './settings.js';

/** A value that somebody set, and where: `node.yaml:3: JobAdmissionControl.Locality`, `JOBGATE_RATE`, `--rate`. */
export interface Given {
  readonly value: unknown;
  readonly where: string;
}

/** What one source of configuration sets. */
export type Layer = ReadonlyMap<SettingName, Given>;

/** Collects what a source says; a setting that is told in two spellings must be told the same. */
export class LayerBuilder {
  readonly #given = new Map<
    SettingName,
    Given & { readonly written: unknown; readonly key: string | undefined }
  >();
  readonly problems: string[] = [];

  /** Judges a value and keeps it. With `negated`, it is of a spelling that says the opposite; `key` is its key in a file. */
  add(
    name: SettingName,
    written: unknown,
    { where, key, negated = false }: { where: string; key?: string | undefined; negated?: boolean },
  ): void {
    const { kind, secret, either } = SETTINGS[name] as Setting;
    const checked = kind.schema.safeParse(written);
    if (!checked.success) {
      for (const { path, message } of checked.error.issues) {
        const [index] = path;
        const item = index === undefined ? written : (written as Record<PropertyKey, unknown>)[index];
        const shown =
          secret || typeof item !== 'string' || message.includes(quote(item)) ? '' : `${quote(item)}: `;
        this.problems.push(`${where}${index === undefined ? '' : `[${String(index)}]`}: ${shown}${message}`);
      }
      return;
    }
    const value = negated ? !checked.data : checked.data;
    const other = this.#given.get(name);
    if (other && key !== undefined && either?.includes(key) && either.includes(other.key ?? '')) {
      if (value === true) this.#given.set(name, { value, where, written, key });
      return;
    }
    if (other && JSON.stringify(other.value) !== JSON.stringify(value)) {
      this.problems.push(
        `${where}: ${JSON.stringify(written)} contradicts ${other.where}: ${JSON.stringify(other.written)}; keep one of them`,
      );
      return;
    }
    this.#given.set(name, { value, where, written, key });
  }

  get layer(): Layer {
    return this.#given;
  }
}

export const SETTING_NAMES = Object.keys(SETTINGS) as SettingName[];
