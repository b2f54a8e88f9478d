import { realpathSync } from 'node:fs';
import { realpath, stat } from 'node:fs/promises';
import { isAbsolute, relative } from 'node:path';
import { type AdmissionConfig, AdmissionConfigError } from './config.js';
import type { Input, Job } from './job.js';
import { type LocalPathPattern, matchesPattern, parseLocalPathPattern } from './local-path-pattern.js';
import { quote } from './problem.js';

/** A directory or file of the node that jobs may mount, and all below it. */
export interface AllowedMount {
  /** As the operator wrote it. */
  readonly path: string;
  readonly writable: boolean;
  /** Of one that the reference's configuration has: these paths only. */
  readonly pattern?: LocalPathPattern;
}

/**
 * Never mounted, whatever is allowed, nor anything that contains them: they lead to the engine, to the kernel, or to
 * other jobs' files.
 */
const DANGEROUS = [
  ...['/proc', '/sys', '/dev', '/run', '/var/run', '/var/lib/docker', '/var/lib/containerd'],
  ...['/var/lib/jobgate', '/etc/jobgate'],
];

/** What jobs may mount: `allowedMounts`, or what the reference's own configuration lists where that is not set. */
export function allowedMountsOf({ allowedMounts, allowListedLocalPaths }: AdmissionConfig): AllowedMount[] {
  if (allowedMounts !== undefined) return parseAllowedMounts(allowedMounts);
  return (allowListedLocalPaths ?? []).flatMap((path) => {
    const pattern = parseLocalPathPattern(path);
    return pattern ? [{ path: pattern.prefix, writable: pattern.writable, pattern }] : [];
  });
}

/** The same for one job. */
export function mountsFor(
  { nodeDirectories = [] }: Pick<Job, 'nodeDirectories'>,
  allowed: readonly AllowedMount[],
): AllowedMount[] {
  return [...allowed, ...nodeDirectories.map((path) => ({ path, writable: true }))];
}

/** @throws AdmissionConfigError where an entry is no absolute path, or is one that must not be mounted. */
export function parseAllowedMounts(entries: readonly string[]): AllowedMount[] {
  return entries.map((entry) => {
    const parsed = parseAllowedMount(entry);
    if (!parsed.ok) throw new AdmissionConfigError(`AllowedMounts: ${parsed.problem}`);
    return parsed.value;
  });
}

/** `PATH`, `PATH:ro` or `PATH:rw`. */
export function parseAllowedMount(
  entry: string,
): { readonly ok: true; readonly value: AllowedMount } | { readonly ok: false; readonly problem: string } {
  const [, path = '', mode = 'ro'] = /^(.*?)(?::(ro|rw))?$/s.exec(entry.trim()) ?? [];
  if (!isAbsolute(path) || path.includes('\0') || path.split('/').includes('..')) {
    return { ok: false, problem: `${quote(entry)} is not an absolute path: write PATH or PATH:rw` };
  }
  const danger = dangerous(path);
  if (danger) return { ok: false, problem: `${quote(entry)} must not be mounted into jobs: it ${danger}` };
  return { ok: true, value: { path, writable: mode === 'rw' } };
}

type ResolvedMount =
  | { readonly ok: true; readonly source: string; readonly target: string; readonly readOnly: boolean }
  | { readonly ok: false; readonly problem: string };

/**
 * Judges a local input by its real path. Mount the `source` that comes back, not the path that the job gave: a symbolic
 * link in it may lead elsewhere by then.
 */
export async function resolveMount(input: Input, allowed: readonly AllowedMount[]): Promise<ResolvedMount> {
  const given = input.source ?? '';
  // Not said apart from "not allowed": which files exist on the node is not the requester's business.
  const refused = {
    ok: false,
    problem: `${quote(given)}, which is not below a directory that its operator allows`,
  } as const;
  if (!isAbsolute(given) || given.includes('\0')) return refused;
  let source: string;
  try {
    source = await realpath(given);
  } catch {
    return refused;
  }
  const roots = allowed.filter(({ path, pattern }) =>
    pattern ? matchesPattern(source, pattern, realOr(path)) : isBelow(source, realOr(path)),
  );
  if (roots.length === 0 || dangerous(source)) return refused;
  const info = await stat(source).catch(() => undefined);
  if (!info?.isDirectory() && !info?.isFile())
    return { ok: false, problem: `${quote(given)}, which is no file or directory` };
  if (!input.readOnly && !roots.some(({ writable }) => writable)) {
    return { ok: false, problem: `${quote(given)} writable (set ReadWrite to false)` };
  }
  return { ok: true, source, target: input.target, readOnly: input.readOnly };
}

function dangerous(path: string): string | undefined {
  const real = realOr(path);
  for (const danger of DANGEROUS) {
    for (const place of new Set([danger, realOr(danger)])) {
      if (isBelow(path, place) || isBelow(real, place)) return `lies in ${danger}`;
      if (isBelow(place, path) || isBelow(place, real)) return `contains ${danger}`;
    }
  }
  return undefined;
}

function isBelow(path: string, directory: string): boolean {
  const way = relative(directory, path);
  return way === '' || (way !== '..' && !way.startsWith('../') && !isAbsolute(way));
}

function realOr(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}
