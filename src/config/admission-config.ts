import type { AdmissionConfig } from '../../admission/config.js';
import { isOwnCommand, isOwnUrl } from './own-probe.js';
import type { Settings } from './precedence.js';
import type { VersionEvidence } from './read/reference-keys.js';

/** What admission is made of. */
export function admissionConfig(
  settings: Settings,
  {
    silence,
    files,
  }: {
    /** Of networked jobs, where nothing is said of them. */
    readonly silence: VersionEvidence['silence'];
    /** That the settings are from, with nothing else given for a file. */
    readonly files: readonly string[];
  },
): AdmissionConfig {
  const set: Settings['value'] = (name) => settings.value(name);
  return {
    // What says nothing of them, means what its version does.
    rejectNetworkedJobs: settings.given('rejectNetworkedJobs')
      ? set('rejectNetworkedJobs')
      : silence !== 'accepted',
    rejectStatelessJobs: set('rejectStatelessJobs'),
    rejectHostNetwork: set('rejectHostNetwork'),
    locality: set('locality'),
    ...domains(settings),
    ...mounts(settings),
    ...disabled(settings),
    allowPorts: set('allowPorts'),
    ...atGate(settings),
    ...probes(settings, files),
    probeTimeoutMs: set('probeTimeoutMs'),
    probeOutputBytes: set('probeOutputBytes'),
    probeConcurrency: set('probeConcurrency'),
  };
}

function domains(settings: Settings): Pick<AdmissionConfig, 'allowedDomains' | 'allowedDomainsFile'> {
  const list = settings.given('allowedDomains');
  const file = settings.given('allowedDomainsFile');
  if (file && (!list || file.layer < list.layer)) return { allowedDomainsFile: file.value as string };
  return list ? { allowedDomains: list.value as string[] } : {};
}

function disabled(settings: Settings): Pick<AdmissionConfig, 'disabled'> {
  const engines = settings.get('disabledEngines') ?? [];
  const inputs = settings.get('disabledInputs') ?? [];
  const publishers = settings.get('disabledPublishers') ?? [];
  const some = engines.length + inputs.length + publishers.length > 0;
  return some ? { disabled: { engines, inputs, publishers } } : {};
}

function probes(
  settings: Settings,
  files: readonly string[],
): Pick<AdmissionConfig, 'probeExec' | 'probeHttp'> {
  const [exec, http] = [settings.get('probeExec'), settings.get('probeHttp')];
  return {
    ...(exec && !isOwnCommand(exec, files) && { probeExec: exec }),
    ...(http && !isOwnUrl(http, settings.get('listen') ?? '') && { probeHttp: http }),
  };
}

/** The gate is the engine of whoever asks. */
function atGate(settings: Settings): Pick<AdmissionConfig, 'gateDefault' | 'gateHostNetwork'> {
  if (!settings.get('gateListen')) return {};
  return {
    gateDefault: settings.get('gateDefault') ?? [],
    gateHostNetwork: settings.get('gateHostNetwork') ?? false,
  };
}

function mounts(settings: Settings): Pick<AdmissionConfig, 'allowedMounts' | 'allowListedLocalPaths'> {
  const listed = settings.get('allowListedLocalPaths');
  if (listed && !settings.given('allowedMounts')) return { allowListedLocalPaths: listed };
  return { allowedMounts: settings.get('allowedMounts') ?? [] };
}
