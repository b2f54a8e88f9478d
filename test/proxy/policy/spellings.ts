import { formatAuthority, type Parsed, parseConnectTarget } from '../../../proxy/policy/authority.js';

export function value<T>(parsed: Parsed<T>): T {
  if (!parsed.ok) throw new Error(parsed.problem);
  return parsed.value;
}

/** The canonical spelling of a CONNECT target, or `refused`. */
export function connect(target: string): string {
  const parsed = parseConnectTarget(target);
  return parsed.ok ? formatAuthority(parsed.value) : 'refused';
}
