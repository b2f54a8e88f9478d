import { nearest } from '../../../admission/known-keys.js';
import { SETTING_NAMES } from '../layer.js';
import { type Setting, spellings } from '../setting.js';
import { SETTINGS, type SettingName } from '../settings.js';
import { OLD_SECTIONS, SECTIONS as REFERENCE_SECTIONS } from './reference-keys.js';

/** A key of a configuration that is a setting here. */
export interface Place {
  readonly name: SettingName;
  /** As the documentation spells it. */
  readonly key: string;
  readonly negated: boolean;
}

/** What a key is: one of ours, a section that has some, the reference's own, or unknown, with what to do. */
export type Key =
  | { readonly kind: 'setting'; readonly place: Place }
  | { readonly kind: 'section' }
  | { readonly kind: 'passed over' }
  | { readonly kind: 'unknown'; readonly problem: string };

/** @param path in any letter case. */
export function keyAt(path: string): Key {
  const lower = path.toLowerCase();
  const place = PLACES.get(lower);
  if (place) return { kind: 'setting', place };
  if (SECTIONS.has(lower)) return { kind: 'section' };
  const at = lower.lastIndexOf('.');
  const [head, last] = [lower.slice(0, Math.max(at, 0)), path.slice(at + 1)];
  const ours = childrenOf(head);
  if (!isReferences(lower)) return { kind: 'unknown', problem: unknown(last, head === '' ? TOP : ours) };
  // A slip of the pen in a key that is ours must not leave it unread.
  const near = nearest(last, ours);
  return near === undefined
    ? { kind: 'passed over' }
    : { kind: 'unknown', problem: `unknown key: did you mean ${near}?` };
}

/** Every key that is a setting. */
export const PLACES: ReadonlyMap<string, Place> = new Map(
  SETTING_NAMES.flatMap((name) =>
    spellings(SETTINGS[name] as Setting).flatMap(({ key, negated = false }) =>
      key === undefined ? [] : [[key.toLowerCase(), { name, key, negated }] as const],
    ),
  ),
);

/** What contains such keys. */
const SECTIONS: ReadonlySet<string> = new Set(
  [...PLACES.keys()].flatMap((key) => {
    const parts = key.split('.');
    return parts.slice(1).map((_, index) => parts.slice(0, index + 1).join('.'));
  }),
);

const TOP = [...new Set([...childrenOf(''), ...REFERENCE_SECTIONS, ...OLD_SECTIONS])];

const OF_REFERENCE: ReadonlySet<string> = new Set(
  [...REFERENCE_SECTIONS, ...OLD_SECTIONS].map((name) => name.toLowerCase()),
);

/** In sections of which we know every key, nothing is passed over. */
function isReferences(path: string): boolean {
  if (path.startsWith('node.compute.jobselection.')) return false;
  return OF_REFERENCE.has(path.split('.')[0] as string);
}

function childrenOf(head: string): string[] {
  const prefix = head === '' ? '' : `${head}.`;
  const keys = [...PLACES.values()].filter(({ key }) => key.toLowerCase().startsWith(prefix));
  return [...new Set(keys.map(({ key }) => key.slice(prefix.length).split('.')[0] as string))];
}

function unknown(last: string, siblings: readonly string[]): string {
  const near = nearest(last, siblings);
  return near === undefined
    ? `unknown key, of jobgate and of Bacalhau; here are ${siblings.join(', ')}`
    : `unknown key: did you mean ${near}?`;
}
