import { bound } from './attempts/bound.js';
import { connections } from './attempts/connections.js';
import { datagram } from './attempts/datagram.js';
import { forge } from './attempts/forge.js';
import { frame } from './attempts/frame.js';
import { hello } from './attempts/hello.js';
import { type Bounds, type Found, ofError } from './attempts/outcome.js';
import { ping } from './attempts/ping.js';
import { question, systemLookup } from './attempts/question.js';
import { talk } from './attempts/talk.js';
import { transfer } from './attempts/transfer.js';
import { withKnown } from './known.js';
import type { Attempt, Plan, Result } from './plan.js';

/** So many attempts at once. */
const AT_ONCE = 32;

/** Those that measure what the others would disturb. */
const ALONE: readonly Attempt['do'][] = ['transfer', 'connections'];

/** Makes all attempts, those that measure one by one behind the others, and tells each result. */
export async function probe(plan: Plan, tell: (result: Result) => void): Promise<void> {
  const run = async (attempt: Attempt) => {
    const start = performance.now();
    const found = await attemptOnce(attempt, plan).catch((error) => ofError(error as Error));
    tell({ mark: attempt.mark, ms: Math.round(performance.now() - start), ...found });
  };
  const all = plan.attempts.flatMap((attempt) => {
    const known = withKnown(attempt);
    if (known.length === 0)
      tell({ mark: attempt.mark, outcome: 'impossible', detail: 'there is none', ms: 0 });
    return known;
  });
  const measured = all.filter((one) => ALONE.includes(one.do));
  const others = all.filter((one) => !ALONE.includes(one.do));
  const worker = async () => {
    for (let next = others.shift(); next; next = others.shift()) {
      for (let i = 0; i < (next.times ?? 1); i++) await run(next);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  for (const one of measured) await run(one);
}

function attemptOnce(attempt: Attempt, bounds: Bounds): Promise<Found> {
  switch (attempt.do) {
    case 'tcp':
      return talk({ ...attempt, say: [`${attempt.mark}\n`] }, bounds);
    case 'udp':
      return datagram(attempt, Buffer.from(attempt.mark), bounds);
    case 'ping':
      return ping(attempt.host, attempt.mark, bounds);
    case 'dns':
      return question(attempt, bounds);
    case 'lookup':
      return systemLookup(attempt);
    case 'talk':
      return talk(attempt, bounds);
    case 'hello':
      return hello(attempt, bounds);
    case 'transfer':
      return transfer(attempt, bounds);
    case 'connections':
      return connections(attempt, bounds);
    case 'bound':
      return bound(attempt);
    case 'forge':
      return forge(attempt);
    case 'frame':
      return frame(attempt);
  }
}
