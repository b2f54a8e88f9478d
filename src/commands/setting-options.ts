import { Option } from 'commander';
import { flagName, type Setting } from '../config/setting.js';
import { SETTINGS, type SettingName } from '../config/settings.js';

/** Names of the settings that stand in one section of the file and have a flag. */
export function settingsOf(
  section: 'JobAdmissionControl' | 'Gate' | 'Gateway' | 'Egress' | 'Serve' | 'Log',
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

/** An option that may be given several times. */
export function repeatable(flags: string, description: string): Option {
  const collect = (value: string, all: string[]) => [...all, value];
  return new Option(flags, `${description}; repeatable`).argParser(collect).default([], 'none');
}

function option({ kind, help }: Setting, property: string): Option {
  // A flag that is true or false takes no value: what follows it may be the image.
  if (kind.syntax === 'true or false') return new Option(flagName(property), help);
  const syntax = kind.syntax === 'text' ? '' : `: ${kind.syntax.replace(/^list of /, '')}`;
  const [flags, description] = [`${flagName(property)} <value>`, `${help}${syntax}`];
  return kind.list ? repeatable(flags, description) : new Option(flags, description);
}
