import { pino } from 'pino';
import pretty from 'pino-pretty';

export type Logger = pino.Logger;

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];
export const LOG_FORMATS = ['pretty', 'json'] as const;
export type LogFormat = (typeof LOG_FORMATS)[number];

/** A logger to stderr: stdout belongs to the job. Written synchronously, so that the last line is not lost. */
export function createLogger({ level, format }: { level: LogLevel; format: LogFormat }): Logger {
  const options = { level, base: null };
  if (format === 'json') {
    return pino(
      { ...options, timestamp: pino.stdTimeFunctions.isoTime },
      pino.destination({ dest: 2, sync: true }),
    );
  }
  return pino(
    options,
    pretty({
      destination: 2,
      sync: true,
      colorize: process.stderr.isTTY ?? false,
      translateTime: 'SYS:HH:MM:ss',
      singleLine: true,
    }),
  );
}
