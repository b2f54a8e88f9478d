/**
 * Random clients with random aborts against random origins, for minutes or hours: `npm run soak -- --hours 8`. What is
 * checked: every answer; that each allowed flow is closed once; that figures, descriptors, timers and memory come back
 * to what they were; that nothing was dialled or looked up that is not allowed.
 */
import { runOptions } from './run-options.js';
import { run } from './runner.js';
import { refused, requests, requestsInTunnel, strangeTunnel, tlsTunnel, trouble } from './scenarios.js';

const CONCURRENCY = 24;

const scenarios = [requests, requests, requestsInTunnel, tlsTunnel, refused, trouble, strangeTunnel];
const isGood = await run('soak', scenarios, CONCURRENCY, runOptions(process.argv.slice(2)));
process.exit(isGood ? 0 : 1);
