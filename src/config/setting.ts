import type { Kind } from './kinds.js';

/**
 * One setting: its place in the file, its variable, its flag, what it means.
 */
export interface Setting<T = unknown> {
  readonly kind: Kind<T>;
  /** Where a file has it. */
  readonly key: string;
  /** `JOBGATE_…` */
  readonly env: string;
  /** The property that commander makes of the flag; absent where there is none. */
  readonly flag?: string;
  /** Other spellings. */
  readonly aliases?: readonly Spelling[];
  /** Absent: not set unless somebody sets it. */
  readonly default?: NoInfer<T>;
  /** Every layer adds to the list, instead of replacing what the layers below say. */
  readonly adds?: boolean;
  /** An empty text is a value and not "unset". */
  readonly emptyIsValue?: boolean;
  /** In a file, null is no mistake, but as good as nothing. */
  readonly nullIsUnset?: boolean;
  /** In a file, a relative path (in a list, each) is one from the file's directory. */
  readonly path?: boolean;
  /** Of two keys that a source may both have: either can say yes. */
  readonly either?: readonly string[];
  /** Never repeated in messages. */
  readonly secret?: boolean;
  readonly help: string;
}

/** How a setting is named in a file, in the environment and on a command line; with `negated` its opposite is. */
interface Spelling {
  readonly key?: string;
  readonly env?: string;
  readonly flag?: string;
  readonly negated?: boolean;
}

/** The first is the usual one. */
export const spellings = (setting: Setting): readonly Spelling[] => [setting, ...(setting.aliases ?? [])];

/** `jobSelectionProbeExec` → `--job-selection-probe-exec` */
export const flagName = (property: string): string =>
  `--${property.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;

/** Infers the type of a setting's value. */
export const setting = <T>(given: Setting<T>): Setting<T> => given;
