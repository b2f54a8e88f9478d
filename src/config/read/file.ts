import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { isMap, isScalar, LineCounter, type Pair, parseDocument, type YAMLMap } from 'yaml';
import { ConfigError } from '../config-error.js';
import { type Layer, LayerBuilder } from '../layer.js';
import type { Setting } from '../setting.js';
import { SETTINGS } from '../settings.js';
import { keyAt, type Place } from './keys.js';
import { VersionEvidence } from './reference-keys.js';
import { YamlReader } from './yaml-reader.js';

export interface ConfigFile {
  /** As it was named. */
  readonly file: string;
  readonly layer: Layer;
  readonly problems: readonly string[];
  /** Keys of the reference's that have no meaning here. */
  readonly passedOver: readonly string[];
}

/** Reads a configuration file: YAML, keys in any letter case, as the reference reads them. */
export async function readConfigFile(file: string, evidence: VersionEvidence): Promise<ConfigFile> {
  let content: string;
  try {
    content = await readFile(file, 'utf8');
  } catch (error) {
    throw new ConfigError([`cannot read the configuration ${file}: ${(error as Error).message}`]);
  }
  return parseConfig(content, file, evidence);
}

/**
 * @param file what messages call it, and what relative paths in it are relative to.
 * @param evidence is shown every key.
 */
export function parseConfig(content: string, file: string, evidence = new VersionEvidence()): ConfigFile {
  const lines = new LineCounter();
  const document = parseDocument(content.replace(/^\uFEFF/, ''), { lineCounter: lines, prettyErrors: false });
  const at = (offset: number | undefined) => `${file}:${lines.linePos(offset ?? 0).line}`;
  const syntax = document.errors.map(
    ({ pos, message }) => `${at(pos[0])}: ${message.replaceAll(/\s+/g, ' ')}`,
  );
  if (syntax.length > 0) throw new ConfigError(syntax);

  const yaml = new YamlReader(document, (offset, problem) =>
    builder.problems.push(`${at(offset)}: ${problem}`),
  );
  const builder = new LayerBuilder();
  const passedOver: string[] = [];
  const contents = yaml.target(document.contents);
  if (isMap(contents)) section(contents, '');
  else if (contents !== null && !(isScalar(contents) && contents.value === null)) {
    builder.problems.push(`${file}:1: must be a mapping of sections, as JobAdmissionControl`);
  }
  return { file, layer: builder.layer, problems: builder.problems, passedOver };

  function section(map: YAMLMap, prefix: string): void {
    const seen = new Set<string>();
    for (const pair of yaml.pairs(map)) {
      const key = nameOf(pair);
      const path = prefix === '' ? key : `${prefix}.${key}`;
      const where = `${at(offsetOf(pair))}: ${path}`;
      if (seen.has(key.toLowerCase())) builder.problems.push(`${where}: is there twice`);
      seen.add(key.toLowerCase());
      evidence.see(path);
      entry(pair, path, where);
    }
  }

  function entry({ value: node }: Pair, path: string, where: string): void {
    const key = keyAt(path);
    const value = yaml.target(node);
    switch (key.kind) {
      case 'setting':
        set(key.place, yaml.plain(value), where);
        return;
      case 'section':
        if (isMap(value)) section(value, path);
        else if (yaml.plain(value) !== null) builder.problems.push(`${where}: must be a mapping of keys`);
        return;
      case 'passed over':
        passedOver.push(path);
        look(value, path);
        return;
      case 'unknown':
        builder.problems.push(`${where}: ${key.problem}`);
    }
  }

  function set({ name, key, negated }: Place, value: unknown, where: string): void {
    const setting = SETTINGS[name] as Setting;
    if (value === '' && !setting.emptyIsValue) return;
    if (value === null || value === undefined) {
      if (setting.kind.list && !setting.nullIsUnset)
        builder.problems.push(`${where}: has no value; an empty list is []`);
      return;
    }
    const absolute = (one: unknown) =>
      typeof one === 'string' && one !== '' ? resolve(dirname(file), one) : one;
    const read = !setting.path ? value : Array.isArray(value) ? value.map(absolute) : absolute(value);
    builder.add(name, read, { where, key, negated });
  }

  /** At the keys of what is passed over, as deep as any of them tells something. */
  function look(node: unknown, path: string): void {
    if (!isMap(node) || path.split('.').length > 2) return;
    for (const pair of yaml.pairs(node)) {
      evidence.see(`${path}.${nameOf(pair)}`);
      look(yaml.target(pair.value), `${path}.${nameOf(pair)}`);
    }
  }
}

function nameOf({ key }: Pair): string {
  return isScalar(key) ? String(key.value) : String(key);
}

function offsetOf({ key }: Pair): number | undefined {
  return isScalar(key) ? (key.range?.[0] ?? undefined) : undefined;
}
