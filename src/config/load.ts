import type { AdmissionConfig } from '../../admission/config.js';
import { SubnetPool, type SubnetPoolOptions } from '../../docker/gateway/subnet-pool.js';
import { Allowlist } from '../../proxy/policy/allowlist.js';
import { DEFAULT_LIMITS, type Limits, type OperatorPolicy } from '../../proxy/policy/policy.js';
import { type Credentials, formatUpstream, parseUpstream } from '../../proxy/policy/upstream.js';
import { LOG_LEVELS, type LogFormat, type LogLevel } from '../logging.js';
import { ConfigError } from './config-error.js';
import { readEnvironment } from './environment.js';
import { type ConfigFile, readConfigFile } from './file.js';
import { readConfigArguments, readFlags } from './flags.js';
import { type ConfigNote, notesOf } from './notes.js';
import { isOwnCommand, isOwnUrl } from './own-probe.js';
import { Settings } from './precedence.js';
import { VersionEvidence } from './reference-keys.js';
import type { SettingName } from './settings.js';
import { trustedCertificates } from './trusted-certificates.js';
import { upstreamCredentials } from './upstream-credentials.js';

/** What the operator of the node decided, whichever way. */
export interface Config {
  readonly admission: AdmissionConfig;
  readonly operator: OperatorPolicy;
  /** bit/s in each direction; null is unlimited. */
  readonly rate: number | null;
  readonly gateway: {
    readonly placement: 'auto' | 'host' | 'container';
    readonly port: number;
    readonly anyProgram: boolean;
    /** Absent: where names are not answered. */
    readonly runtimeVariables?: boolean;
    readonly subnetPool?: SubnetPoolOptions;
    /** Of gateways in containers. */
    readonly image?: string;
    readonly outside: string;
  };
  /** Jobs may learn which domains they need. */
  readonly allowLearn: boolean;
  /** What `jobgate serve` does. */
  readonly service: {
    readonly listen: string;
    readonly tokenFile?: string;
    readonly brokenContract: 'disconnect' | 'report';
    readonly unusedAfterMs: number;
    readonly drainMs: number;
    /** Absent: as many as cores. */
    readonly workers?: number;
  };
  /** The engine's API for Docker clients; absent where there is none. */
  readonly gate?: GateConfig;
  readonly log: { readonly level: LogLevel; readonly format: LogFormat };
  /** What there is to say of how it was read. */
  readonly notes?: readonly ConfigNote[];
}

/** What clients of the gate get and may. */
export interface GateConfig {
  readonly listen: string;
  /** Permission bits of the socket. */
  readonly mode: number;
  /** A name or a number. */
  readonly group?: string;
  /** Domains where no label says otherwise; empty is no network. */
  readonly domains: readonly string[];
  readonly runtimes: readonly string[];
  readonly pull: boolean;
  readonly removeImages: boolean;
  readonly readOthers: boolean;
  readonly hostNetwork: boolean;
  /** Of the Bacalhau node whose engine the gate is. */
  readonly nodeDataDir?: string;
  /** ms; absent: never. */
  readonly abandonedAfterMs?: number;
}

interface ConfigSources {
  /** Configuration file; those of `flags.config`, then `JOBGATE_CONFIG`, where absent. */
  readonly file?: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Options as commander gives them. */
  readonly flags?: object;
  /** Log level where nobody sets one. Default info. */
  readonly logLevel?: LogLevel;
}

/**
 * Puts the configuration together: a flag beats the environment, that beats the files, that beat the default. Lists of
 * what is denied are the union of all: a flag must not open what the file closed.
 *
 * @throws ConfigError with all problems.
 */
export async function loadConfig({
  file: given,
  env,
  flags = {},
  logLevel: givenLevel,
}: ConfigSources): Promise<Config> {
  const fromFlags = readConfigArguments((flags as { readonly config?: string | string[] }).config);
  const fallback = env.JOBGATE_CONFIG ? [env.JOBGATE_CONFIG] : [];
  const paths = given !== undefined ? [given] : fromFlags.files.length > 0 ? fromFlags.files : fallback;
  const evidence = new VersionEvidence();
  const files: ConfigFile[] = [];
  for (const path of paths) files.push(await readConfigFile(path, evidence));
  const environment = readEnvironment(env, evidence);
  const options = readFlags(flags, fromFlags.values, evidence);
  // Of files a later one beats an earlier one.
  const layers = files.map(({ layer }) => layer).reverse();
  const settings = new Settings([options.layer, environment.layer, ...layers]);

  const problems = [
    ...files.flatMap((file) => file.problems),
    ...environment.problems,
    ...options.problems,
    ...contradictions(settings),
  ];
  if (problems.length > 0) throw new ConfigError(problems);

  const { silence } = evidence;
  const notes = notesOf(
    settings,
    silence,
    files.flatMap(({ passedOver }, index) =>
      passedOver.length > 0 ? [{ file: paths[index] as string, passedOver }] : [],
    ),
  );
  const built = {
    ...build(settings, {
      refused: silence !== 'accepted',
      files: fromFlags.values.size === 0 ? paths : [],
      env,
    }),
    ...(notes.length > 0 && { notes }),
  };
  // The reference's variable, which other programs have as well: it beats a default and nothing else.
  const logLevel = LOG_LEVELS.find((level) => level === env.LOG_LEVEL?.toLowerCase()) ?? givenLevel;
  return logLevel && !settings.given('logLevel')
    ? { ...built, log: { ...built.log, level: logLevel } }
    : built;
}

/** Two settings that only one of which can hold; a stronger layer's beats a weaker one's. */
function contradictions(settings: Settings): string[] {
  const list = settings.given('allowedDomains');
  const file = settings.given('allowedDomainsFile');
  const problems: string[] = [];
  if (list && file && list.layer === file.layer) {
    problems.push(`${file.where}: contradicts ${list.where}: set one of them`);
  }
  const allowed = settings.get('allowedDomains');
  if (list && allowed) {
    try {
      Allowlist.parse(allowed, { allowPorts: settings.get('allowPorts') ?? [] });
    } catch (error) {
      problems.push(`${list.where}: ${(error as Error).message}`);
    }
  }
  return problems;
}

function build(
  settings: Settings,
  {
    refused,
    files,
    env,
  }: {
    /** Networked jobs, where nothing is said of them. */
    readonly refused: boolean;
    readonly files: readonly string[];
    readonly env: ConfigSources['env'];
  },
): Config {
  const set = <Name extends SettingName>(name: Name) => {
    const value = settings.get(name);
    // Only of settings that have a default.
    if (value === undefined) throw new Error(`no default for ${name}`);
    return value;
  };
  const allowPorts = set('allowPorts');
  const subnetPool = subnets(settings);
  const upstream = upstreamWithCredentials(settings, env);
  return {
    admission: {
      // What says nothing of them, means what its version does.
      rejectNetworkedJobs: settings.given('rejectNetworkedJobs') ? set('rejectNetworkedJobs') : refused,
      rejectStatelessJobs: set('rejectStatelessJobs'),
      rejectHostNetwork: set('rejectHostNetwork'),
      locality: set('locality'),
      ...domains(settings),
      ...mounts(settings),
      ...disabled(settings),
      allowPorts,
      ...atGate(settings),
      ...probes(settings, files),
      probeTimeoutMs: set('probeTimeoutMs'),
      probeOutputBytes: set('probeOutputBytes'),
      probeConcurrency: set('probeConcurrency'),
    },
    operator: {
      deny: set('denied'),
      allowAddresses: set('allowAddresses'),
      allowPorts,
      nodeAddresses: set('nodeAddresses'),
      addHosts: set('addHosts'),
      dns: set('dns'),
      ...(upstream !== undefined && { upstream }),
      ...trustedCertificates(settings),
      checkTunnels: set('checkTunnels'),
      jobHeader: set('jobHeader'),
      burst: set('burst'),
      limits: limits(settings),
    },
    rate: set('rate'),
    gateway: {
      placement: set('gatewayPlacement'),
      port: set('gatewayPort'),
      anyProgram: set('anyProgram'),
      ...(settings.get('runtimeVariables') !== undefined && {
        runtimeVariables: settings.get('runtimeVariables') as boolean,
      }),
      ...(subnetPool && { subnetPool }),
      ...(settings.get('gatewayImage') && { image: settings.get('gatewayImage') as string }),
      outside: set('outsideNetwork'),
    },
    allowLearn: set('allowLearn'),
    service: {
      listen: set('listen'),
      ...(settings.get('tokenFile') && { tokenFile: settings.get('tokenFile') as string }),
      brokenContract: set('brokenContract'),
      unusedAfterMs: set('unusedAfterMs'),
      drainMs: set('drainMs'),
      ...(settings.get('workers') !== undefined && { workers: settings.get('workers') as number }),
    },
    ...gate(settings),
    log: { level: set('logLevel'), format: set('logFormat') },
  };
}

function gate(settings: Settings): Pick<Config, 'gate'> {
  const listen = settings.get('gateListen');
  if (!listen) return {};
  const group = settings.get('gateGroup');
  return {
    gate: {
      listen,
      mode: Number.parseInt(settings.get('gateMode') as string, 8),
      ...(group && { group }),
      domains: settings.get('gateDefault') as string[],
      runtimes: settings.get('gateRuntimes') as string[],
      pull: settings.get('gatePull') as boolean,
      removeImages: settings.get('gateRemoveImages') as boolean,
      readOthers: settings.get('gateReadOthers') as boolean,
      hostNetwork: settings.get('gateHostNetwork') as boolean,
      ...(settings.get('nodeDataDir') && { nodeDataDir: settings.get('nodeDataDir') as string }),
      ...(settings.get('gateAbandonedAfterMs') !== undefined && {
        abandonedAfterMs: settings.get('gateAbandonedAfterMs') as number,
      }),
    },
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

function subnets(settings: Settings): SubnetPoolOptions | undefined {
  const pool = settings.get('subnetPool');
  const prefix = settings.get('subnetPrefix');
  if (pool === undefined && prefix === undefined) return undefined;
  const options = { ...(pool !== undefined && { pool }), ...(prefix !== undefined && { prefix }) };
  try {
    new SubnetPool(options);
  } catch (error) {
    const { where } = settings.given('subnetPool') ?? settings.given('subnetPrefix') ?? {};
    throw new ConfigError([`${where}: ${(error as Error).message}`]);
  }
  return options;
}

function limits(settings: Settings): Limits {
  const names = Object.keys(DEFAULT_LIMITS) as (keyof Limits)[];
  const settingOf = (name: string) => `limit${name.charAt(0).toUpperCase()}${name.slice(1)}` as SettingName;
  return Object.fromEntries(names.map((name) => [name, settings.get(settingOf(name))])) as unknown as Limits;
}

// Credentials of their own need not be in a configuration that many read, nor in a process list.
function upstreamWithCredentials(
  settings: Settings,
  env: Readonly<Record<string, string | undefined>>,
): string | undefined {
  const upstream = settings.get('upstream');
  const file = settings.given('upstreamCredentialsFile');
  const text = env.JOBGATE_UPSTREAM_CREDENTIALS;
  if (upstream === undefined) {
    if (file) throw new ConfigError([`${file.where}: there is no Egress.Upstream to use them for`]);
    return undefined;
  }
  let credentials: Credentials | undefined;
  try {
    credentials = upstreamCredentials({ file: file?.value as string | undefined, env: text });
  } catch (error) {
    throw new ConfigError([`${file?.where ?? 'JOBGATE_UPSTREAM_CREDENTIALS'}: ${(error as Error).message}`]);
  }
  const parsed = parseUpstream(upstream);
  return credentials && parsed.ok ? formatUpstream({ ...parsed.value, credentials }) : upstream;
}
