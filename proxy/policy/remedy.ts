import { parseHost } from './authority.js';
import type { DenialReason } from './denials.js';
import { parseIp, unmapped } from './ip.js';
import { isPublic } from './public-address.js';

/** What lets a refused target through. */
interface Remedy {
  /** For `Network.Domains` of the job, or `--domain`. */
  readonly entry?: string;
  /** Flags for the operator of the node, who has to allow it as well. */
  readonly operator: readonly string[];
}

interface Refused {
  readonly reason: DenialReason;
  /** Canonical. */
  readonly host: string;
  readonly port: number;
  /** The address that was refused, where whoever is told may know it. */
  readonly address?: string | undefined;
}

/** All of it at once: what is done as it says does not lead to the next refusal. Undefined where nothing helps. */
export function remedyFor({ reason, host, port, address }: Refused): Remedy | undefined {
  const parsed = parseHost(host);
  if (!parsed.ok) return undefined;
  const literal = parsed.value.kind === 'name' ? undefined : host;
  switch (reason) {
    case 'domain-not-allowed':
    case 'port-not-allowed':
    case 'tls-to-plain-port': {
      // Of a name that was only asked for, no port is known.
      const web = [80, 443, 0].includes(port);
      const bare = reason === 'domain-not-allowed' && web;
      const ports = web || port >= 1024 ? [] : [`--allow-port ${port}`];
      return {
        entry: bare ? bracketed(host) : `${bracketed(host)}:${port}`,
        operator: [...ports, ...(literal === undefined ? [] : exceptions(literal, port))],
      };
    }
    case 'address-not-public':
    case 'address-of-node': {
      const refused = address ?? literal;
      return refused === undefined ? undefined : { operator: [exception(refused, port)] };
    }
    default:
      return undefined;
  }
}

/** An address that is not public needs one. */
function exceptions(address: string, port: number): string[] {
  const ip = parseIp(address);
  return ip === undefined || isPublic(unmapped(ip)) ? [] : [exception(address, port)];
}

function exception(address: string, port: number): string {
  return `--allow-address ${bracketed(address)}:${port}`;
}

function bracketed(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}
