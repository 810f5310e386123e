import { destination, type Logger, pino } from 'pino';
import type { LogLevel } from '#config';

export type { Logger };

/** One JSON line for each event on standard error. Never given headers or bodies. */
export function createLog(level: LogLevel): Logger {
  return pino({ level, base: { pid: process.pid, service: 'data' } }, destination(2));
}
