import { parseHost } from '../policy/authority.js';
import type { DenialReason } from '../policy/denials.js';
import { formatIp, IpRange, parseIp, unmapped } from '../policy/ip.js';
import type { Subject } from '../report/subject.js';
import { Refusal } from './refusal.js';

/** What is said of the job's own names and addresses where nobody allowed them. */
const REASONS: ReadonlySet<DenialReason> = new Set(['domain-not-allowed', 'address-not-public']);
/** Whoever means one of these means itself: loopback, and what Linux connects to it. */
const OWN = ['127.0.0.0/8', '::1/128', '0.0.0.0/32', '::/128'].map(IpRange.of);

/**
 * The refusal, or where the job asks its proxy for itself another that says so: no domain that it declares would help.
 * An engine gives containers names of one label, and no entry can be one.
 */
export function ofJobItself(refusal: Refusal, { host, client }: Pick<Subject, 'host' | 'client'>): Refusal {
  if (!REASONS.has(refusal.reason)) return refusal;
  const parsed = parseHost(host);
  if (!parsed.ok) return refusal;
  if (parsed.value.kind !== 'name') {
    return isOwn(host, client) ? new Refusal('job-itself', { cause: refusal }) : refusal;
  }
  if (host === 'localhost' || host.endsWith('.localhost'))
    return new Refusal('job-itself', { cause: refusal });
  if (host.includes('.')) return refusal;
  const detail = "a name without a dot is the job's own, or nobody's";
  return new Refusal('job-itself', { detail, cause: refusal });
}

function isOwn(host: string, client: string): boolean {
  const [ip, own] = [parseIp(host), parseIp(client)];
  if (ip === undefined) return false;
  const address = unmapped(ip);
  if (OWN.some((range) => range.contains(address))) return true;
  return own !== undefined && formatIp(unmapped(own)) === formatIp(address);
}
