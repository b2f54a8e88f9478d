import { Settings } from '../precedence.js';
import { readEnvironment } from './environment.js';
import { type ConfigFile, readConfigFile } from './file.js';
import { readConfigArguments, readFlags } from './flags.js';
import { type ConfigNote, notesOf } from './notes.js';
import { VersionEvidence } from './reference-keys.js';

interface Sources {
  readonly settings: Settings;
  readonly problems: readonly string[];
  readonly notes: readonly ConfigNote[];
  /** What the configuration means for networked jobs where it says nothing of them. */
  readonly silence: VersionEvidence['silence'];
  /** Of which all of it is, but variables and flags; empty where the command line gives keys of its own. */
  readonly files: readonly string[];
}

/** Reads files, environment and flags, and puts them one above the other. @throws ConfigError for a file that is none */
export async function readSources({
  file,
  env,
  flags,
}: {
  readonly file: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly flags: object;
}): Promise<Sources> {
  const given = readConfigArguments((flags as { readonly config?: string | string[] }).config);
  const fallback = env.JOBGATE_CONFIG ? [env.JOBGATE_CONFIG] : [];
  const paths = file !== undefined ? [file] : given.files.length > 0 ? given.files : fallback;
  const evidence = new VersionEvidence();
  const files: ConfigFile[] = [];
  for (const path of paths) files.push(await readConfigFile(path, evidence));
  const environment = readEnvironment(env, evidence);
  const options = readFlags(flags, given.values, evidence);
  // Of files a later one beats an earlier one.
  const layers = files.map(({ layer }) => layer).reverse();
  const settings = new Settings([options.layer, environment.layer, ...layers]);
  return {
    settings,
    problems: [...files, environment, options].flatMap(({ problems }) => problems),
    notes: notesOf(settings, evidence.silence, files),
    silence: evidence.silence,
    files: given.values.size === 0 ? paths : [],
  };
}
