/**
 * What a node's own configuration has beside the settings that are ours, in the reference's versions from 1.1 to 1.9:
 * https://github.com/bacalhau-project/bacalhau, pkg/config/types.
 */

/** Of 1.5 and later. */
export const SECTIONS = [
  'API',
  'Compute',
  'DataDir',
  'DisableAnalytics',
  'Engines',
  'FeatureFlags',
  'InputSources',
  'JobDefaults',
  'Labels',
  'Logging',
  'NameProvider',
  'Orchestrator',
  'Publishers',
  'ResultDownloaders',
  'StrictVersionMatch',
  'UpdateConfig',
  'WebUI',
] as const;

/** Of before 1.5. */
export const OLD_SECTIONS = ['Auth', 'Metrics', 'Node', 'Update', 'User'] as const;

/** Keys of `JobAdmissionControl` that are the reference's. */
const ADMISSION = ['Locality', 'ProbeExec', 'ProbeHTTP', 'RejectStatelessJobs'].map(
  (key) => `JobAdmissionControl.${key}`,
);

/** Keys that no version before 1.7 has. */
const SINCE_1_7 = ['API.Auth.Oauth2', 'API.Auth.Users', 'Publishers.Types.S3Managed'];
/** Keys that no version from 1.7 on has, beside the old sections. */
const BEFORE_1_7 = ['FeatureFlags.ExecTranslation'];

/** Collects what keys tell of the version that a configuration is for, where it does not say what it means. */
export class VersionEvidence {
  #ofNode = false;
  #since = false;
  #before = false;

  /** @param path of a key that is there, in any letter case. */
  see(path: string): void {
    const parts = path.toLowerCase().split('.');
    const seen = parts.map((_, index) => parts.slice(0, index + 1).join('.'));
    const is = (keys: readonly string[]) => keys.some((key) => seen.includes(key.toLowerCase()));
    if (is(SECTIONS) || is(OLD_SECTIONS) || is(ADMISSION)) this.#ofNode = true;
    if (is(SINCE_1_7)) this.#since = true;
    if (is(OLD_SECTIONS) || is(BEFORE_1_7)) this.#before = true;
  }

  /**
   * What a node makes of networked jobs where its configuration says nothing of them: versions before 1.7 refuse them,
   * later ones accept them. Where nothing tells, and where keys contradict each other, they are refused. What is no
   * node's own has jobgate's default.
   */
  get silence(): 'accepted' | 'refused' | 'refused, as nothing tells the version' {
    if (!this.#ofNode || (this.#since && !this.#before)) return 'accepted';
    return this.#before ? 'refused' : 'refused, as nothing tells the version';
  }
}
