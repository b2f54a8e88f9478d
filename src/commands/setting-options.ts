import { Option } from 'commander';
import { readYesNo } from '../config/kinds.js';
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
      flag === undefined ? [] : options(setting, flag).map((one) => one.hideHelp()),
    );
    return setting.flag === undefined ? old : [...options(setting, setting.flag), ...old];
  });
}

/** An option that may be given several times. */
export function repeatable(flags: string, description: string): Option {
  const collect = (value: string, all: string[]) => [...all, value];
  return new Option(flags, `${description}; repeatable`).argParser(collect).default([], 'none');
}

function options({ kind, help }: Setting, property: string): Option[] {
  const flag = flagName(property);
  // What follows may be the image, so the value can only be in the same argument.
  if (kind.syntax === 'true or false') return [new Yes(flag, help), new No(flag)];
  const syntax = kind.syntax === 'text' ? '' : `: ${kind.syntax.replace(/^list of /, '')}`;
  const [flags, description] = [`${flag} <value>`, `${help}${syntax}`];
  return [kind.list ? repeatable(flags, description) : new Option(flags, description)];
}

/** `--flag`, `--flag=true`, in any of Go's words for it. Commander asks `is` which option an argument is. */
class Yes extends Option {
  is(argument: string): boolean {
    return argument === this.long || saysOf(this.long, argument) === true;
  }
}

/** `--flag=false`, and so the opposite of {@link Yes}. */
class No extends Option {
  readonly #flag: string;

  constructor(flag: string) {
    super(flag.replace(/^--/, '--no-'));
    this.#flag = flag;
    this.hideHelp();
  }

  is(argument: string): boolean {
    return argument === this.long || saysOf(this.#flag, argument) === false;
  }
}

function saysOf(flag: string | undefined, argument: string): boolean | undefined {
  const prefix = `${flag}=`;
  return argument.startsWith(prefix) ? readYesNo(argument.slice(prefix.length)) : undefined;
}
