import { styleText } from 'node:util';
import { CliError, exitCodes } from './cli-error.ts';

type Style = Parameters<typeof styleText>[0];

/** Data goes to standard output … */
export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** … as JSON on one line when it is for programs … */
export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

/** … and everything else to standard error. */
export function note(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** Colours only where standard output is a terminal that wants them (`NO_COLOR`, `TERM=dumb`). */
export function painted(style: Style, text: string): string {
  if (process.env.TERM === 'dumb') return text;
  return styleText(style, text, { stream: process.stdout });
}

/** Prints an error in its lines: what happened, what to do. @returns the exit code it stands for */
export function printError(error: unknown): number {
  if (error instanceof CliError) {
    note(`✖ ${error.message}${error.fix === undefined ? '' : `\n  ${error.fix}`}`);
    return error.exitCode;
  }
  const message = error instanceof Error ? error.message : String(error);
  note(`✖ ${message}`);
  if (process.env.THROUGHLINE_DEBUG !== undefined && error instanceof Error) note(error.stack ?? '');
  return exitCodes.failed;
}

/** Text that came from elsewhere, safe to show on a terminal: control characters become `?`. */
export function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, '?');
}
