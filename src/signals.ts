import { tell } from './terminal.js';

/** The first signal asks for an orderly end, the second for an end at once. Disposing gives the signals back. */
interface Signals extends Disposable {
  readonly stop: AbortSignal;
  readonly kill: AbortSignal;
  /** The signal that came first. */
  readonly received: NodeJS.Signals | undefined;
}

const TRAPPED = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Traps SIGINT, SIGTERM and SIGHUP; a closed stdout counts as SIGPIPE, which Node itself ignores. */
export function trapSignals(): Signals {
  const stop = new AbortController();
  const kill = new AbortController();
  let received: NodeJS.Signals | undefined;
  const onSignal = (signal: NodeJS.Signals) => {
    if (received) return kill.abort();
    received = signal;
    stop.abort();
  };
  const onOutputError = () => onSignal('SIGPIPE');
  for (const signal of TRAPPED) process.on(signal, onSignal);
  process.stdout.on('error', onOutputError);
  return {
    stop: stop.signal,
    kill: kill.signal,
    get received() {
      return received;
    },
    [Symbol.dispose]() {
      for (const signal of TRAPPED) process.off(signal, onSignal);
      process.stdout.off('error', onOutputError);
    },
  };
}

/** At a terminal, says after Ctrl-C that it is waited, and for what. */
export function sayWaiting(
  { stop, kill }: Pick<Signals, 'stop' | 'kill'>,
  what: string | (() => string),
): void {
  if (!process.stderr.isTTY) return;
  const say = (text: string) => tell(`\njobgate: ${text}\n`);
  stop.addEventListener('abort', () => {
    const text = typeof what === 'string' ? what : what();
    say(`ending: ${text}; Ctrl-C again ends it at once`);
  });
  kill.addEventListener('abort', () => say('ending at once'));
}

export function whenAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
