import { HEAD, type Outcome, type Plan, type Result } from '../plan.js';

/** What one attempt found; who runs it adds the mark, and the time where it has none of its own. */
export type Found = Omit<Result, 'mark' | 'ms'> & Partial<Pick<Result, 'ms'>>;

export type Bounds = Pick<Plan, 'token' | 'waitMs'>;

const IMPOSSIBLE = [
  'ENETUNREACH',
  'EHOSTUNREACH',
  'EADDRNOTAVAIL',
  'EAFNOSUPPORT',
  'EPERM',
  'EACCES',
  'EPROTONOSUPPORT',
  'EINVAL',
];
const REFUSED = ['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ENOTFOUND', 'ECONNABORTED'];

export function ofError(error: Error): Found {
  const { code = error.message } = error as NodeJS.ErrnoException;
  const outcome: Outcome = IMPOSSIBLE.includes(code)
    ? 'impossible'
    : REFUSED.includes(code)
      ? 'refused'
      : code === 'ETIMEDOUT'
        ? 'silent'
        : 'error';
  return { outcome, detail: code };
}

/** What came back, as far as it is kept. */
export function ofHeard(heard: Buffer, { token }: Bounds, nothing: Found): Found {
  if (heard.length === 0) return nothing;
  const text = heard.toString('latin1', 0, HEAD);
  return text.includes(token)
    ? { outcome: 'reached', detail: 'reached', heard: text }
    : { outcome: 'answered', detail: firstLine(text), heard: text };
}

const firstLine = (text: string) => `answered ${JSON.stringify(text.split('\r\n', 1)[0]?.slice(0, 60))}`;
