import { parseLocalPathPattern } from '../../../admission/local-path-pattern.js';
import { shown } from '../../../admission/problem.js';
import type { Logger } from '../../../proxy/policy/logger.js';
import type { Settings } from '../precedence.js';
import type { ConfigFile } from './file.js';
import type { VersionEvidence } from './reference-keys.js';

/** Something to say of a configuration that can be used. */
export interface ConfigNote {
  readonly level: 'debug' | 'warn';
  /** One line. */
  readonly text: string;
}

export function notesOf(
  settings: Settings,
  silence: VersionEvidence['silence'],
  files: readonly Pick<ConfigFile, 'file' | 'passedOver'>[],
): ConfigNote[] {
  const own = files.filter(({ passedOver }) => passedOver.length > 0);
  const notes: ConfigNote[] = own.map(({ file, passedOver }) => ({
    level: 'debug',
    text: `${file}: passed over, as the node's own: ${passedOver.map(shown).join(', ')}`,
  }));
  if (silence === 'refused, as nothing tells the version' && !settings.given('rejectNetworkedJobs')) {
    const text =
      'networked jobs are refused: the configuration does not say, and nothing tells which version of Bacalhau it is' +
      ' for (before 1.7 that refuses them, since then it accepts them): set JobAdmissionControl.RejectNetworkedJobs';
    notes.push({ level: 'warn', text });
  }
  const listed = settings.given('allowListedLocalPaths');
  const unread = (settings.get('allowListedLocalPaths') ?? []).filter((path) => !parseLocalPathPattern(path));
  if (listed && unread.length > 0 && !settings.given('allowedMounts')) {
    const what = unread.map(shown).join(', ');
    notes.push({ level: 'warn', text: `${listed.where}: allows nothing here: ${what}; write /PATH/**` });
  }
  return notes;
}

export function tellNotes({ notes = [] }: { readonly notes?: readonly ConfigNote[] }, logger: Logger): void {
  for (const { level, text } of notes) logger[level]({}, text);
}
