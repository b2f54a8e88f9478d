import { pino } from 'pino';
import pretty from 'pino-pretty';
import { hasColors } from './color.js';
import { logStream } from './log-stream.js';
import { logText } from './log-text.js';
import { withoutProgress } from './progress.js';
import { tellAs, toldInJson, visibleInJson } from './terminal.js';

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];
export const LOG_FORMATS = ['pretty', 'json'] as const;
export type LogFormat = (typeof LOG_FORMATS)[number];

let shown = 0;
let shownText = '';

/** The time as a field of pino's. Many lines have the same one. */
function isoTime(): string {
  const now = Date.now();
  if (now !== shown) {
    shown = now;
    shownText = `,"time":"${new Date(now).toISOString()}"`;
  }
  return shownText;
}

/** A logger to stderr: stdout belongs to the job. From now on what is told outright is of its format as well. */
export function createLogger({ level, format }: { level: LogLevel; format: LogFormat }): pino.Logger {
  tellAs(format);
  if (format === 'json' || !['trace', 'debug', 'info', 'warn'].includes(level)) withoutProgress();
  const options = { level, base: null };
  if (format === 'json') {
    const formatters = { level: (label: string) => ({ level: label }) };
    return pino({ ...options, timestamp: isoTime, formatters }, logStream(process.stderr, lostInJson));
  }
  // Nothing that a job, an image or an engine wrote is obeyed by the terminal, nor makes a line of its own.
  const hooks = {
    logMethod(args: unknown[], method: (...args: unknown[]) => void) {
      method.apply(
        this,
        args.map((arg) => (typeof arg === 'string' ? arg.replaceAll('\n', '\\n') : arg)),
      );
    },
    streamWrite: visibleInJson,
  };
  const isDetailed = level === 'trace' || level === 'debug';
  return pino(
    { ...options, hooks: hooks as NonNullable<pino.LoggerOptions['hooks']> },
    pretty({
      destination: logStream(),
      colorize: hasColors(process.stderr),
      translateTime: 'SYS:HH:MM:ss',
      singleLine: isDetailed,
      messageFormat: (line) => logText(line),
      hideObject: !isDetailed,
    }),
  );
}

function lostInJson(lines: number): string {
  return toldInJson(`${lines} log lines found no reader`, { level: 'warn' });
}
