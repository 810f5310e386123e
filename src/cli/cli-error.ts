export const exitCodes = {
  ok: 0,
  /** A check said no, or something unexpected broke. */
  failed: 1,
  usage: 2,
  notRunning: 3,
  notFound: 4,
  configInvalid: 5,
} as const;

/** What a person did not expect: the message says what happened, `fix` what to do. */
export class CliError extends Error {
  readonly exitCode: number;
  readonly fix: string | undefined;
  constructor(exitCode: number, message: string, fix?: string) {
    super(message);
    this.name = 'CliError';
    this.exitCode = exitCode;
    this.fix = fix;
  }
}

export function notRunning(what: string): CliError {
  return new CliError(exitCodes.notRunning, `${what} is not running`, 'Start it: throughline up');
}
