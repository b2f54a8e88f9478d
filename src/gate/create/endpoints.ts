import { isRecord } from '../../../admission/known-keys.js';
import { quote, shown } from '../../../admission/problem.js';
import { flag, integer, type Judge, judged, never, object, ours, text, texts } from '../fields.js';
import { refuse } from '../refusal.js';

/** What the engine says of an endpoint; clients that read and write the same shape send it back. */
const TOLD = [
  'NetworkID',
  'EndpointID',
  'Gateway',
  'IPAddress',
  'IPPrefixLen',
  'IPv6Gateway',
  'GlobalIPv6Address',
  'GlobalIPv6PrefixLen',
  'DNSNames',
];

const ENDPOINT: Readonly<Record<string, Judge>> = {
  Aliases: texts,
  // Judged where containers are looked up.
  Links: texts,
  MacAddress: text,
  GwPriority: integer,
  DriverOpts: never('the gate chooses how a container is connected'),
  IPAMConfig: object({
    IPv4Address: text,
    IPv6Address: never('isolated networks have no IPv6'),
    LinkLocalIPs: never('isolated networks have no other addresses'),
  }),
  EnableIPv6: flag,
  ...Object.fromEntries(TOLD.map((name) => [name, ours])),
};

/** How a container is on a network. */
export interface Endpoint {
  readonly Aliases?: readonly string[];
  readonly Links?: readonly string[];
  readonly [field: string]: unknown;
}

export function readEndpoint(value: unknown, at: string): Endpoint {
  if (value === undefined || value === null) return {};
  if (!isRecord(value)) throw refuse(`${at} must be an object, not ${quote(value)}`);
  return judged(ENDPOINT, value, at) as Endpoint;
}

/** Reads `NetworkingConfig`, by the name of the network. */
export function readEndpoints(value: unknown): Map<string, Endpoint> {
  const given = object({ EndpointsConfig: (endpoints) => endpoints ?? undefined })(
    value,
    'NetworkingConfig',
  ) as { EndpointsConfig?: unknown } | undefined;
  const endpoints = given?.EndpointsConfig ?? {};
  if (!isRecord(endpoints)) throw refuse('NetworkingConfig.EndpointsConfig must be an object');
  return new Map(
    Object.entries(endpoints).map(([name, endpoint]) => [
      name,
      readEndpoint(endpoint, `NetworkingConfig.EndpointsConfig.${shown(name)}`),
    ]),
  );
}
