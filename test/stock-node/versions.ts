/** What differs between the releases of the node, as its public source has it. */
export interface Traits {
  /** The newest version of the engine's API that its client speaks. */
  readonly api: string;
  /** What its client calls an engine on a socket. */
  readonly host: string;
  /** The form of what a probe gets. */
  readonly probe: 'spec' | 'callback' | 'node-id' | 'job';
  /** All refusals are joined; else the first ends the bid. */
  readonly joinsRefusals: boolean;
  /** A job that says nothing of networks gets a bridge, else none. */
  readonly defaultIsBridge: boolean;
  readonly hasBridge: boolean;
  /** The variables of the node's own that a job gets. */
  readonly variables: 'none' | 'spec' | 'execution';
  /** It looks for a container of the execution's before it makes one, and stops it before it removes it. */
  readonly adopts: boolean;
  /** It follows the job's output while the job runs. */
  readonly capturesOutput: boolean;
  readonly gatewayCapability: 'NET_ADMIN' | 'CAP_NET_ADMIN';
}

/** @param version of a release, as `1.9.3` */
export function traitsOf(version: string): Traits {
  const from = (release: string) => !isOlder(version, release);
  return {
    api: from('1.9') ? '1.51' : from('1.5') ? '1.46' : from('1.1') ? '1.44' : '1.42',
    host: from('1.1') ? 'api.moby.localhost' : 'docker',
    probe: from('1.5.2') ? 'job' : from('1.5') ? 'node-id' : from('1.0.4') ? 'callback' : 'spec',
    joinsRefusals: from('1.4'),
    defaultIsBridge: from('1.7'),
    hasBridge: from('1.6.5'),
    variables: from('1.6.5') ? 'execution' : from('1.1') ? 'none' : 'spec',
    adopts: from('1.1'),
    capturesOutput: from('1.8'),
    gatewayCapability: from('1.9') ? 'CAP_NET_ADMIN' : 'NET_ADMIN',
  };
}

/** Versions of dots and numbers, also those of the engine's API. */
export function isOlder(one: string, other: string): boolean {
  const [a = [], b = []] = [one, other].map((text) => text.split('.').map(Number));
  for (let i = 0; i < 3; i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0);
    if (difference !== 0) return difference < 0;
  }
  return false;
}
