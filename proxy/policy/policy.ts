import type { Budget } from './budget.js';

/**
 * What one job may reach, as plain serialisable values: a gateway may live in another process.
 * The job's part can be stored in labels; the operator's part is always read from configuration.
 */
export interface EgressPolicy {
  readonly job: JobPolicy;
  readonly operator: OperatorPolicy;
}

/** What the job declared, once admission accepted it. */
export interface JobPolicy {
  /** Job id, `[A-Za-z0-9._-]{1,128}`. */
  readonly job: string;
  /** Execution id, same grammar. */
  readonly execution?: string;
  /** What people call the job, as `jobName` leaves it; nothing is decided by it. */
  readonly name?: string;
  /** Allowlist entries: `example.com`, `.example.com`, `example.com:8443`, `192.0.2.1`, `[2001:db8::1]:8443`. Empty denies everything. */
  readonly allow: readonly string[];
  /**
   * `host[:port]` entries, dot entries included, that are refused although `allow` has them. Unlike the operator's, a
   * name is not looked up for it: other names at its address stay as they are.
   */
  readonly deny?: readonly string[];
  /** Limit in bit/s for each direction, over all connections of the job; null is unlimited. */
  readonly rate: number | null;
  /** What it may take in all; null or absent: no bound of its own. */
  readonly budget?: Budget | null;
  /** Let hosts through that only this allowlist does not have, and say so in their events; every other rule holds. */
  readonly learn?: boolean;
}

/** What of a job's policy may become another while the job runs; what is left out stays as it is. */
export type PolicyChange = Partial<Pick<JobPolicy, 'allow' | 'deny' | 'rate' | 'budget'>>;

/** What a change of the policy did, once it holds. */
export interface PolicyChanged {
  /** Connections of the job that were cut: the policy forbids what they carried, or how fast. */
  readonly cut: number;
}

/** What the operator of the node decided; beats the job's part. */
export interface OperatorPolicy {
  /** `host[:port]` entries, dot entries included, that no job may reach, also by the addresses they resolve to. */
  readonly deny: readonly string[];
  /** `CIDR[:port]` exceptions to the public-addresses rule. IPv6 with a port in brackets: `[fd00::/8]:443`. */
  readonly allowAddresses: readonly string[];
  /** Ports below 1024, beside 80 and 443, that a job's `:port` entry may add. */
  readonly allowPorts: readonly number[];
  /** Entries that jobs which learn stay within: what this node lets jobs declare. Absent: any. */
  readonly learnWithin?: readonly string[];
  /** Addresses of this node that are on no interface (a cloud's public address); refused like the interfaces' own. */
  readonly nodeAddresses: readonly string[];
  /** Extra answers of the proxy's resolver, `[name, address]`; judged like any answer. */
  readonly addHosts: readonly (readonly [name: string, address: string])[];
  /** `default`: servers of /etc/resolv.conf; `system`: getaddrinfo; else `ADDR[:PORT]` of a DNS server. */
  readonly dns: string;
  /** `http://`, `socks5://` or `socks5h://` proxy that all traffic leaves through. */
  readonly upstream?: string;
  /** Certificates in PEM, at most 64 KiB of text: trusted where the proxy itself makes TLS to a host. Default: none beside Node's. */
  readonly trustedCertificates?: string;
  /** Inspect the first bytes of tunnels (TLS ClientHello or HTTP). Off only for operators who know why. */
  readonly checkTunnels: boolean;
  /** Name of the header that carries the job's id on plain HTTP requests. */
  readonly jobHeader: string;
  /** What each job may take in all, whatever its own budget says: of both the smaller holds. */
  readonly budget?: Budget | null;
  /** Burst of the token buckets, in bytes. */
  readonly burst: number;
  readonly limits: Limits;
}

/** Per job, unless it says otherwise; every one has a denial reason of its own. */
export interface Limits {
  /** Open connections of the job to the proxy. */
  readonly connections: number;
  /** New connections per second (averaged over a second's worth of burst). */
  readonly connectionsPerSecond: number;
  /** CONNECT tunnels open at once. */
  readonly tunnels: number;
  /** Plain HTTP requests in flight at once. */
  readonly requests: number;
  /** Connection attempts to origins at once. */
  readonly dials: number;
  /** DNS look-ups at once. */
  readonly lookups: number;
  /** Open connections to one address, of all jobs of the node together. */
  readonly destinationConnections: number;
  /** New connections per second to one address, of all jobs of the node together. */
  readonly destinationConnectionsPerSecond: number;
  /** What is buffered for the job, bytes: beyond it the connections that hold most are cut. */
  readonly bufferedBytes: number;
  /** Request and response heads, bytes. */
  readonly headerBytes: number;
  /** Time to receive a request head, ms. */
  readonly headerTimeoutMs: number;
  /** Time a tunnel may stay without a byte in either direction, ms; waiting for the limiter is not idle. */
  readonly tunnelIdleMs: number;
  /** Time to receive the first bytes of a tunnel, ms. */
  readonly helloTimeoutMs: number;
  /** Time for a DNS look-up, ms. */
  readonly dnsTimeoutMs: number;
  /** Time for a connection attempt over all addresses, ms. */
  readonly connectTimeoutMs: number;
}

/** 10 Mbit/s, the reference's rate: 10,000,000 bit/s = 1,250,000 byte/s. */
export const DEFAULT_RATE = 10_000_000;

/** Where the operator sets none; units as in {@link Limits}. */
export const DEFAULT_LIMITS: Limits = {
  connections: 10_000,
  connectionsPerSecond: 1_000,
  tunnels: 9_500,
  requests: 1_000,
  dials: 256,
  lookups: 32,
  destinationConnections: 20_000,
  destinationConnectionsPerSecond: 2_000,
  bufferedBytes: 134_217_728,
  headerBytes: 65_536,
  headerTimeoutMs: 30_000,
  tunnelIdleMs: 3_600_000,
  helloTimeoutMs: 10_000,
  dnsTimeoutMs: 5_000,
  connectTimeoutMs: 10_000,
};

/** Where the operator says nothing: only public addresses, and everything that a job declares. */
export const DEFAULT_OPERATOR_POLICY: OperatorPolicy = {
  deny: [],
  allowAddresses: [],
  allowPorts: [],
  nodeAddresses: [],
  addHosts: [],
  dns: 'default',
  checkTunnels: true,
  jobHeader: 'X-Bacalhau-Job-ID',
  burst: 49_152,
  limits: DEFAULT_LIMITS,
};
