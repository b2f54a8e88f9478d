import { pino } from 'pino';
import pretty from 'pino-pretty';
import { logStream } from './log-stream.js';

export type Logger = pino.Logger;

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];
export const LOG_FORMATS = ['pretty', 'json'] as const;
export type LogFormat = (typeof LOG_FORMATS)[number];

/** A logger to stderr: stdout belongs to the job. */
export function createLogger({ level, format }: { level: LogLevel; format: LogFormat }): Logger {
  const options = { level, base: null };
  if (format === 'json') {
    return pino({ ...options, timestamp: pino.stdTimeFunctions.isoTime }, logStream());
  }
  return pino(
    options,
    pretty({
      destination: logStream(),
      colorize: process.stderr.isTTY ?? false,
      translateTime: 'SYS:HH:MM:ss',
      singleLine: true,
    }),
  );
}
