/** A run of chaos, in a network namespace and with an engine of its own: chaos.ts starts it there. */
import { ensureEngine } from '../support/engine.js';
import { Session, type SessionOptions } from './session.js';

const options = JSON.parse(process.argv[2] ?? '{}') as SessionOptions;
const engine = ensureEngine({ onSignal: 'nothing' });
try {
  const findings = await new Session(options).run();
  for (const finding of findings) console.log(`FAILED: ${finding}`);
  const good = options.plants.length > 0 ? 'nothing found but all that was planted' : 'nothing found';
  console.log(`chaos: ${findings.length > 0 ? `failed, --seed ${options.seed}` : good}`);
  process.exitCode = findings.length > 0 ? 1 : 0;
} finally {
  engine.stop();
}
process.exit();
