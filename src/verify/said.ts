import { z } from 'zod';
import { HEAD, type Plan, type Said } from './inside/plan.js';

const MAX_ADDRESSES = 256;
/** Of what is for people, characters. */
const DETAIL = 300;

const text = (max: number) => z.string().transform((value) => value.slice(0, max));
const port = z.int().min(0).max(65_535);

const SAID = z.discriminatedUnion('says', [
  z.object({ says: z.literal('listening'), tcp: z.array(port).max(256), udp: z.array(port).max(256) }),
  z.object({
    says: z.literal('arrival'),
    at: text(DETAIL),
    over: z.enum(['tcp', 'udp', 'dns']),
    port,
    from: text(DETAIL),
    head: text(HEAD),
  }),
  z.object({
    says: z.literal('result'),
    mark: text(DETAIL),
    outcome: z.enum(['reached', 'answered', 'refused', 'silent', 'impossible', 'error']),
    detail: text(DETAIL),
    ms: z.number().nonnegative(),
    heard: text(HEAD).optional(),
    bytes: z.number().nonnegative().optional(),
    opened: z.int().nonnegative().optional(),
    served: z.int().nonnegative().optional(),
  }),
  z.object({
    says: z.literal('done'),
    addresses: z.array(text(DETAIL)).max(MAX_ADDRESSES),
    proxy: z.object({ host: text(DETAIL), port }).optional(),
  }),
  z.object({ says: z.literal('failed'), why: text(DETAIL) }),
]);

/**
 * What a line of a prober says that was told `plan`: results of its own attempts, and arrivals where it listens. Where it
 * runs, another program may write there as well, or be in its place.
 *
 * @returns undefined for anything else
 */
export function saidReader({ attempts, listen }: Plan): (line: string) => Said | undefined {
  const marks = new Set(attempts.map(({ mark }) => mark));
  return (line) => {
    const said = read(line);
    if (said?.says === 'result' && !marks.has(said.mark)) return undefined;
    if (said?.says === 'arrival') return listen && { ...said, at: listen.at };
    return said;
  };
}

function read(line: string): Said | undefined {
  try {
    return SAID.safeParse(JSON.parse(line)).data as Said | undefined;
  } catch {
    return undefined;
  }
}
