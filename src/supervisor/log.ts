import { styleText } from 'node:util';
import type { LogSink } from './log-sink.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

const levels: Record<LogLevel, number> = { debug: 20, info: 30, warn: 40, error: 50 };

/** One log for the supervisor and everything it supervises. */
export interface Log {
  /** A line of the supervisor itself. */
  write(level: LogLevel, msg: string, fields?: Record<string, unknown>): void;
  /** A line that a service wrote: passed on when it is a JSON object, wrapped when it is anything else. */
  relay(service: string, line: string): void;
}

/** @param options.level what the supervisor itself leaves out below; services decide for themselves */
export function createLog(
  sink: LogSink,
  options: { readonly level: LogLevel; readonly pretty: boolean },
): Log {
  const emit = (entry: Record<string, unknown>, raw?: string) =>
    sink.line(options.pretty ? prettyLine(entry) : (raw ?? JSON.stringify(entry)));
  return {
    write(level, msg, fields = {}) {
      if (levels[level] < levels[options.level]) return;
      emit({ level: levels[level], time: Date.now(), service: 'supervisor', ...fields, msg });
    },
    relay(service, line) {
      const entry = parseObject(line);
      if (entry === undefined) emit({ level: levels.warn, time: Date.now(), service, msg: line });
      else if (entry.service === undefined) emit({ service, ...entry });
      else emit(entry, line);
    },
  };
}

function parseObject(line: string): Record<string, unknown> | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    return JSON.parse(line) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}

/** `12:03:04 core     warn  what happened  key=value`, coloured where the terminal wants it. */
function prettyLine(entry: Record<string, unknown>): string {
  const { level, time, service, msg, pid: _pid, hostname: _hostname, ...rest } = entry;
  const name = levelName(level);
  const clock = new Date(typeof time === 'number' || typeof time === 'string' ? time : Date.now());
  const hours = Number.isNaN(clock.getTime()) ? '--:--:--' : clock.toTimeString().slice(0, 8);
  const details = Object.entries(rest).map(
    ([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  );
  const text = [String(msg ?? ''), ...details].join('  ');
  return `${dim(hours)} ${String(service ?? '').padEnd(10)} ${painted(name)} ${printable(text)}`;
}

function levelName(level: unknown): LogLevel {
  if (typeof level === 'string' && level in levels) return level as LogLevel;
  const number = typeof level === 'number' ? level : levels.info;
  return number >= levels.error
    ? 'error'
    : number >= levels.warn
      ? 'warn'
      : number >= levels.info
        ? 'info'
        : 'debug';
}

function painted(name: LogLevel): string {
  const colours = { debug: 'gray', info: 'green', warn: 'yellow', error: 'red' } as const;
  return styleText(colours[name], name.padEnd(5), { stream: process.stderr });
}

function dim(text: string): string {
  return styleText('dim', text, { stream: process.stderr });
}

/** What a service logs may quote a client: a terminal must not take it for commands, nor for a line of its own. */
function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  return text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, '?').replaceAll('\n', '\n    ');
}
