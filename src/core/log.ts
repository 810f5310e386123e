import { writeSync } from 'node:fs';

/** Lines for operators in pino's shape, without the package: core has no packages. */
export interface Log {
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

/** @param write takes one line; standard error by default */
export function createLog(write: (line: string) => void = writeToStandardError): Log {
  const line = (level: number, msg: string, fields?: LogFields): void => {
    write(
      `${JSON.stringify({ level, time: Date.now(), pid: process.pid, service: 'core', msg, ...fields })}\n`,
    );
  };
  return {
    info: (message, fields) => line(30, message, fields),
    warn: (message, fields) => line(40, message, fields),
    error: (message, fields) => line(50, message, fields),
  };
}

function writeToStandardError(line: string): void {
  try {
    writeSync(2, line);
  } catch {
    // Nobody reads, or the pipe is full: traffic must not wait for a log line.
  }
}
