import { isOlder, majorOf } from '../engine/versions.js';

/** A published weakness of the engine that concerns what a job can reach. */
interface KnownHole {
  readonly id: string;
  readonly what: string;
  /** What jobgate does about it on such an engine. */
  readonly covered: string;
  /** First fixed version of each release line, newest first; a line not named and older than the first is affected. */
  readonly fixed: readonly string[];
}

const HOLES: readonly KnownHole[] = [
  {
    id: 'CVE-2024-29018',
    what: 'containers on internal networks can send DNS queries out through the engine',
    covered: "the job's resolver is set to its own loopback, so nothing is forwarded",
    fixed: ['26.0.0', '25.0.4', '23.0.11'],
  },
  {
    id: 'CVE-2025-54410',
    what: 'a firewalld reload removes the isolation between bridge networks',
    covered: "jobgate's own rules are verified every few seconds and put back",
    fixed: ['28.0.0', '25.0.13'],
  },
  {
    id: 'CVE-2025-54388',
    what: 'a firewalld reload opens published ports to the local network',
    covered: 'jobs cannot reach published ports; other hosts can',
    fixed: ['28.3.3', '25.0.13'],
  },
  {
    id: 'CVE-2020-13401',
    what: 'a container can take over the IPv6 routes of the host and of others by router advertisements',
    covered: 'jobs have no NET_RAW and no IPv6',
    fixed: ['19.03.11'],
  },
];

/**
 * The known holes of an engine's version. A distribution may have mended one without a new version number, so
 * this is a hint to look, not proof.
 */
export function knownHoles(version: string): KnownHole[] {
  return HOLES.filter(({ fixed }) => {
    const sameLine = fixed.find((text) => majorOf(text) === majorOf(version));
    return isOlder(version, sameLine ?? (fixed[0] as string));
  });
}
