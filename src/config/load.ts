import type { AdmissionConfig } from '../../admission/config.js';
import { SubnetPool, type SubnetPoolOptions } from '../../docker/gateway/subnet-pool.js';
import { Allowlist } from '../../proxy/policy/allowlist.js';
import { DEFAULT_LIMITS, type Limits, type OperatorPolicy } from '../../proxy/policy/policy.js';
import { type Credentials, formatUpstream, parseUpstream } from '../../proxy/policy/upstream.js';
import { LOG_LEVELS, type LogFormat, type LogLevel } from '../logging.js';
import { admissionConfig } from './admission-config.js';
import { ConfigError } from './config-error.js';
import type { Settings } from './precedence.js';
import type { ConfigNote } from './read/notes.js';
import { readSources } from './read/sources.js';
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
    readonly stateDirectory: string;
    readonly brokenContract: 'disconnect' | 'report';
    readonly unusedAfterMs: number;
    readonly keepEndedMs: number;
    readonly drainMs: number;
    /** Absent: as many as cores. */
    readonly workers?: number;
  };
  /** Of the accounts of jobs. */
  readonly account: { readonly keyFile?: string; readonly keepMs: number; readonly keepBytes: number };
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
  const { settings, problems, silence, files, notes } = await readSources({ file: given, env, flags });
  const all = [...problems, ...contradictions(settings)];
  if (all.length > 0) throw new ConfigError(all);

  const admission = admissionConfig(settings, { silence, files });
  const built = { ...build(settings, admission, env), ...(notes.length > 0 && { notes }) };
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

function build(settings: Settings, admission: AdmissionConfig, env: ConfigSources['env']): Config {
  const set: Settings['value'] = (name) => settings.value(name);
  const allowPorts = set('allowPorts');
  const subnetPool = subnets(settings);
  const upstream = upstreamWithCredentials(settings, env);
  return {
    admission,
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
      ...(settings.get('budget') && { budget: settings.get('budget') ?? null }),
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
      stateDirectory: set('stateDirectory'),
      brokenContract: set('brokenContract'),
      unusedAfterMs: set('unusedAfterMs'),
      keepEndedMs: set('keepEndedMs'),
      drainMs: set('drainMs'),
      ...(settings.get('workers') !== undefined && { workers: settings.get('workers') as number }),
    },
    account: {
      ...(settings.get('accountKeyFile') && { keyFile: settings.get('accountKeyFile') as string }),
      keepMs: set('accountKeepMs'),
      keepBytes: set('accountKeepBytes'),
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
