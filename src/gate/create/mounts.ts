import { quote } from '../../../admission/problem.js';
import { PREFIX } from '../../../docker/gateway/labels.js';
import { flag, integer, type Judge, judged, kept, never, oneOf, text, textMap, texts } from '../fields.js';
import { refuse } from '../refusal.js';

/** A directory or file of the node. */
export interface HostMount {
  readonly source: string;
  readonly target: string;
  readonly readOnly: boolean;
}

/** A named volume; `mount` is the client's own, to be passed on. */
export interface VolumeMount {
  readonly volume: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** What a container mounts, by who has to be asked about it. */
export interface WantedMounts {
  readonly host: HostMount[];
  readonly volumes: VolumeMount[];
  /** To be passed on as they are: volumes, and what has no source. */
  readonly binds: string[];
  readonly mounts: Record<string, unknown>[];
}

const VOLUME_NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,254}$/;
/** Options of `-v` that change nothing about what is reached. */
const HARMLESS = new Set(['rw', 'nocopy', 'private', 'rprivate', 'consistent', 'cached', 'delegated']);

/** Reads `Binds`: `SOURCE:TARGET[:OPTIONS]`, or a target alone. */
export function readBinds(value: unknown, at: string, wanted: WantedMounts): void {
  for (const [index, bind] of ((texts(value, at) ?? []) as string[]).entries()) {
    readBind(bind, `${at}[${index}]`, wanted);
  }
}

function readBind(bind: string, at: string, wanted: WantedMounts): void {
  const [source = '', target, options = '', ...more] = bind.split(':');
  if (target === undefined) {
    assertTarget(source, at);
    wanted.binds.push(bind);
    return;
  }
  assertTarget(target, at);
  if (more.length > 0) throw refuse(`${at}: ${quote(bind)} has too many colons: write SOURCE:TARGET[:ro]`);
  const list = options.split(',').filter(Boolean);
  const odd = list.find((option) => option !== 'ro' && !HARMLESS.has(option));
  if (odd !== undefined)
    throw refuse(`${at}: option ${quote(odd)} is not for clients of the gate: write ro or rw`);
  if (source.startsWith('/')) {
    wanted.host.push({ source, target, readOnly: list.includes('ro') });
  } else {
    wanted.volumes.push({ volume: volumeName(source, at), labels: {} });
    wanted.binds.push(bind);
  }
}

/** Reads `Mounts`. */
export function readMounts(value: unknown, at: string, wanted: WantedMounts): void {
  if (value === undefined || value === null) return;
  if (!Array.isArray(value)) throw refuse(`${at} must be a list`);
  for (const [index, mount] of value.entries()) {
    const where = `${at}[${index}]`;
    if (typeof mount !== 'object' || mount === null) throw refuse(`${where} must be an object`);
    readMount(judged(MOUNT, mount, where), where, wanted);
  }
}

const PROPAGATION = oneOf(['private', 'rprivate'], 'mounts stay in their container: write rprivate');
const MOUNT: Readonly<Record<string, Judge>> = {
  Type: oneOf(['bind', 'volume', 'tmpfs'], 'a mount is a bind, volume or tmpfs'),
  Source: text,
  Target: text,
  ReadOnly: flag,
  Consistency: kept,
  BindOptions: (value, at) => {
    judged(
      {
        Propagation: PROPAGATION,
        NonRecursive: kept,
        ReadOnlyNonRecursive: kept,
        ReadOnlyForceRecursive: kept,
        CreateMountpoint: never('what is mounted is there already'),
      },
      (value ?? {}) as Record<string, unknown>,
      at,
    );
    return undefined;
  },
  VolumeOptions: (value, at) =>
    value == null
      ? undefined
      : judged(
          {
            NoCopy: flag,
            Labels: textMap,
            DriverConfig: (driver, where) => {
              judged(
                {
                  Name: oneOf(['local'], 'volumes are local'),
                  Options: never('a volume has no options here'),
                },
                (driver ?? {}) as Record<string, unknown>,
                where,
              );
              return undefined;
            },
          },
          value as Record<string, unknown>,
          at,
        ),
  TmpfsOptions: (value, at) =>
    value == null
      ? undefined
      : judged({ SizeBytes: integer, Mode: integer }, value as Record<string, unknown>, at),
};

function readMount(mount: Record<string, unknown>, at: string, wanted: WantedMounts): void {
  const { Type: type, Source: source, Target: target, ReadOnly: readOnly = false } = mount;
  assertTarget(String(target ?? ''), at);
  if (type === undefined) throw refuse(`${at}.Type: a mount is a bind, volume or tmpfs`);
  if (type === 'bind') {
    wanted.host.push({ source: String(source ?? ''), target: String(target), readOnly: readOnly === true });
    return;
  }
  if (type === 'tmpfs' && source) throw refuse(`${at}.Source: a tmpfs has none`);
  const { Labels = {} } = (mount.VolumeOptions ?? {}) as { Labels?: Record<string, string> };
  const reserved = Object.keys(Labels).find((label) => label.startsWith(PREFIX));
  if (reserved !== undefined)
    throw refuse(`${at}.VolumeOptions.Labels: ${reserved} is jobgate's own: choose another`);
  if (type === 'volume' && source) {
    wanted.volumes.push({ volume: volumeName(String(source), `${at}.Source`), labels: Labels });
  }
  wanted.mounts.push(mount);
}

export function volumeName(name: string, at: string): string {
  if (VOLUME_NAME.test(name) && !name.startsWith('jobgate-')) return name;
  throw refuse(`${at}: ${quote(name)} is neither an absolute path nor the name of a volume`);
}

function assertTarget(target: string, at: string): void {
  if (target.startsWith('/') && !target.includes('\0') && !target.split('/').includes('..')) return;
  throw refuse(`${at}: ${quote(target)} is no absolute path in the container`);
}
