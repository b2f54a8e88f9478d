import { Option } from 'commander';
import type { Setting } from '../config/setting.js';
import { SETTINGS, type SettingName } from '../config/settings.js';
import { collect } from './job-options.js';

/** Names of the settings that stand in one section of the file and have a flag. */
export function settingsOf(
  section: 'JobAdmissionControl' | 'Gateway' | 'Egress' | 'Serve' | 'Log',
): SettingName[] {
  return (Object.keys(SETTINGS) as SettingName[]).filter((name) => {
    const { key, flag } = SETTINGS[name] as Setting;
    return flag !== undefined && key.startsWith(`${section}.`);
  });
}

/** The flags of settings, made from the table that the loader reads; old spellings work and are not shown. */
export function settingOptions(...names: readonly SettingName[]): Option[] {
  return names.flatMap((name) => {
    const setting: Setting = SETTINGS[name];
    const old = (setting.aliases ?? []).flatMap(({ flag }) =>
      flag === undefined ? [] : [option(setting, flag).hideHelp()],
    );
    return setting.flag === undefined ? old : [option(setting, setting.flag), ...old];
  });
}

/** `jobSelectionProbeExec` → `--job-selection-probe-exec` */
export function flagName(property: string): string {
  return `--${property.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

function option({ kind, help }: Setting, property: string): Option {
  // A flag that is true or false takes no value: what follows it may be the image.
  if (kind.syntax === 'true or false') return new Option(flagName(property), help);
  const syntax = kind.syntax === 'text' ? '' : `: ${kind.syntax.replace(/^list of /, '')}`;
  const described = new Option(
    `${flagName(property)} <value>`,
    `${help}${syntax}${kind.list ? '; repeatable' : ''}`,
  );
  return kind.list ? described.argParser(collect).default([], 'none') : described;
}
