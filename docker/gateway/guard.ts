import { type ChildProcess, spawn } from 'node:child_process';
import type { Logger } from '../../proxy/policy/logger.js';

// Ends with its parent: end of input is the parent's end, whatever it died of. Every bridge that is still guarded
// then is taken down (flags without IFF_UP; 0x1002 is broadcast and multicast).
const SCRIPT = `
trap '' INT TERM HUP
guarded=' '
while read -r step bridge; do
  case $step in
    guard) guarded="$guarded$bridge " ;;
    leave) guarded="\${guarded%% $bridge *} \${guarded#* $bridge }" ;;
  esac
done
for bridge in $guarded; do
  echo 0x1002 >"/sys/class/net/$bridge/flags" || ip link set "$bridge" down
done 2>/dev/null
`;

/**
 * Takes bridges down when this process dies without closing their gateways (kill -9, out of memory): whatever program
 * listens on the gateway's address next, the job does not reach it. A shell of its own session waits for that, one
 * for all bridges of a process.
 *
 * A second line behind the lock-down, so it never fails: where no shell can be had, it says so in the log.
 */
export class Guard {
  readonly #logger: Logger | undefined;
  readonly #bridges = new Set<string>();
  #shell: ChildProcess | undefined;

  constructor(logger?: Logger) {
    this.#logger = logger;
  }

  /** Guards a bridge until disposed. */
  protect(bridge: string): Disposable {
    this.#bridges.add(bridge);
    if (!this.check()) this.#say('guard', bridge);
    return {
      [Symbol.dispose]: () => {
        this.#bridges.delete(bridge);
        this.#say('leave', bridge);
        if (this.#bridges.size > 0) return;
        this.#shell?.stdin?.end();
        this.#shell = undefined;
      },
    };
  }

  /** Starts the shell where it is missing. @returns whether it was. */
  check(): boolean {
    if (this.#shell || this.#bridges.size === 0) return false;
    // Detached: in a session of its own, so that no signal meant for this process's group ends it.
    const shell = spawn('/bin/sh', ['-c', SCRIPT], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
    this.#shell = shell;
    const gone = (why: string) => {
      if (this.#shell !== shell) return;
      this.#shell = undefined;
      this.#logger?.warn({ why }, 'the guard of the bridges ended');
    };
    shell.once('error', (error) => gone(error.message));
    shell.once('exit', (code, signal) => gone(String(signal ?? code)));
    shell.stdin?.on('error', () => {}); // `exit` tells
    shell.unref();
    (shell.stdin as { unref?: () => void } | null)?.unref?.();
    for (const bridge of this.#bridges) this.#say('guard', bridge);
    return true;
  }

  #say(step: 'guard' | 'leave', bridge: string): void {
    this.#shell?.stdin?.write(`${step} ${bridge}\n`);
  }
}
