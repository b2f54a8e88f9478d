/**
 * The program that verify runs where the job is, and where its listeners are: `node -e PROGRAM PLAN`, or with the plan as
 * the first line of stdin, whose end is then its own.
 */
import { createInterface } from 'node:readline';
import { environmentProxy, ownAddresses } from './known.js';
import { listen } from './listen.js';
import type { Plan, Said } from './plan.js';
import { probe } from './probe.js';

/** Whoever started a listener may be gone, ms. */
const LIFETIME_MS = 300_000;

const say = (said: Said) => process.stdout.write(`${JSON.stringify(said)}\n`);

async function plan(): Promise<Plan> {
  const given = (globalThis as { jobgateVerifyPlan?: Plan }).jobgateVerifyPlan;
  if (given) return given;
  const argument = process.argv.at(-1) ?? '';
  if (argument !== '-') return JSON.parse(argument);
  const lines = createInterface({ input: process.stdin });
  lines.once('close', () => process.exit());
  return new Promise((resolve) => lines.once('line', (line) => resolve(JSON.parse(line))));
}

try {
  const told = await plan();
  if (told.listen) {
    const { tcp, udp } = await listen(told.listen, told.token, (arrival) =>
      say({ says: 'arrival', ...arrival }),
    );
    say({ says: 'listening', tcp, udp });
    setTimeout(() => process.exit(), LIFETIME_MS);
  }
  await probe(told, (result) => say({ says: 'result', ...result }));
  const proxy = environmentProxy();
  say({ says: 'done', addresses: ownAddresses(), ...(proxy && { proxy }) });
} catch (error) {
  say({ says: 'failed', why: (error as Error).message });
  process.exitCode = 1;
}
