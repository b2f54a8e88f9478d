/**
 * Bytes that nobody should send: `npm run fuzz -- --seconds 60`. Heads made by a grammar and then broken, ClientHellos over
 * random segments and records, garbage, and origins that answer with the like. Checked is what the soak checks, and
 * that no origin gets anything but well-formed HTTP with the job header, or TLS for an allowed name, and that what jobgate
 * reads itself is to Node's parser what it is to it.
 */
import { runOptions } from '../soak/run-options.js';
import { run } from '../soak/runner.js';
import { answers, garbage, heads, headsInTunnel, hellos, parsers } from './scenarios.js';

const CONCURRENCY = 32;

const scenarios = [heads, heads, headsInTunnel, hellos, answers, garbage, parsers];
const isGood = await run('fuzz', scenarios, CONCURRENCY, runOptions(process.argv.slice(2)));
process.exit(isGood ? 0 : 1);
