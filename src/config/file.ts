import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { isMap, isScalar, LineCounter, type Pair, parseDocument, type YAMLMap } from 'yaml';
import { nearest } from '../../admission/known-keys.js';
import { OLD_SECTION } from './admission-settings.js';
import { ConfigError } from './config-error.js';
import { type Layer, LayerBuilder, SETTING_NAMES } from './layer.js';
import { type Setting, spellings } from './setting.js';
import { SETTINGS, type SettingName } from './settings.js';

export interface ConfigFile {
  readonly layer: Layer;
  readonly problems: readonly string[];
  /** The file has the section of before 1.5, where networked jobs were refused unless accepted. */
  readonly old: boolean;
}

interface Place {
  readonly name: SettingName;
  readonly negated: boolean;
}

/** Reads a configuration file: YAML, keys in any letter case, as the reference reads them. */
export async function readConfigFile(file: string): Promise<ConfigFile> {
  let content: string;
  try {
    content = await readFile(file, 'utf8');
  } catch (error) {
    throw new ConfigError([`cannot read the configuration ${file}: ${(error as Error).message}`]);
  }
  return parseConfig(content, file);
}

/** @param file what messages call it, and what relative paths in it are relative to. */
export function parseConfig(content: string, file: string): ConfigFile {
  const lines = new LineCounter();
  const document = parseDocument(content.replace(/^\uFEFF/, ''), { lineCounter: lines, prettyErrors: false });
  const at = (offset: number | undefined) => `${file}:${lines.linePos(offset ?? 0).line}`;
  const syntax = document.errors.map(
    ({ pos, message }) => `${at(pos[0])}: ${message.replaceAll(/\s+/g, ' ')}`,
  );
  if (syntax.length > 0) throw new ConfigError(syntax);

  const builder = new LayerBuilder();
  let old = false;
  const { contents } = document;
  if (isMap(contents)) section(contents, '');
  else if (contents !== null && !(isScalar(contents) && contents.value === null)) {
    builder.problems.push(`${file}:1: must be a mapping of sections, as JobAdmissionControl`);
  }
  return { layer: builder.layer, problems: builder.problems, old };

  function section(map: YAMLMap, prefix: string): void {
    if (prefix.toLowerCase() === OLD_SECTION.toLowerCase()) old = true;
    const seen = new Set<string>();
    for (const pair of map.items) {
      const key = isScalar(pair.key) ? String(pair.key.value) : String(pair.key);
      const path = prefix === '' ? key : `${prefix}.${key}`;
      const where = `${at(offsetOf(pair))}: ${path}`;
      if (seen.has(key.toLowerCase())) builder.problems.push(`${where}: is there twice`);
      seen.add(key.toLowerCase());
      entry(pair, path, where);
    }
  }

  function entry(pair: Pair, path: string, where: string): void {
    const place = PLACES.get(path.toLowerCase());
    if (place) {
      const value = plain(pair.value);
      const setting = SETTINGS[place.name] as Setting;
      if (value === '' && !setting.emptyIsValue) return;
      if (value === null || value === undefined) {
        if (setting.kind.list) builder.problems.push(`${where}: has no value; an empty list is []`);
        return;
      }
      const absolute = setting.path && typeof value === 'string' ? resolve(dirname(file), value) : value;
      builder.add(place.name, absolute, { where, negated: place.negated });
      return;
    }
    if (!SECTIONS.has(path.toLowerCase())) {
      builder.problems.push(`${where}: ${unknown(path)}`);
    } else if (isMap(pair.value)) {
      section(pair.value, path);
    } else if (plain(pair.value) !== null) {
      builder.problems.push(`${where}: must be a mapping of keys`);
    }
  }

  function plain(node: unknown): unknown {
    return (node as { toJS?: (document: unknown) => unknown } | null)?.toJS?.(document) ?? null;
  }
}

function offsetOf(pair: Pair): number | undefined {
  return isScalar(pair.key) ? (pair.key.range?.[0] ?? undefined) : undefined;
}

const PLACES: ReadonlyMap<string, Place> = new Map(
  SETTING_NAMES.flatMap((name) =>
    spellings(SETTINGS[name]).flatMap(({ key, negated = false }) =>
      key === undefined ? [] : [[key.toLowerCase(), { name, negated }] as const],
    ),
  ),
);

const SECTIONS: ReadonlySet<string> = new Set(
  [...PLACES.keys()].flatMap((key) => {
    const parts = key.split('.');
    return parts.slice(1).map((_, index) => parts.slice(0, index + 1).join('.'));
  }),
);

const KEYS = SETTING_NAMES.flatMap((name) => spellings(SETTINGS[name]).flatMap(({ key }) => key ?? []));

function unknown(path: string): string {
  const [head, last] = [path.split('.').slice(0, -1).join('.'), path.split('.').at(-1) ?? ''];
  const siblings = KEYS.filter((key) =>
    key.toLowerCase().startsWith(head === '' ? '' : `${head.toLowerCase()}.`),
  ).map((key) => key.slice(head === '' ? 0 : head.length + 1).split('.')[0] as string);
  const near = nearest(last, [...new Set(siblings)]);
  if (near) return `unknown key: did you mean ${near}?`;
  return `unknown key, or one that jobgate does not implement; here are ${[...new Set(siblings)].join(', ')}`;
}
