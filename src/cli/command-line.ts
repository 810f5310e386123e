import { CommanderError } from 'commander';
import { exitCodes } from './cli-error.ts';
import { printError } from './output.ts';
import { createProgram } from './program.ts';

/**
 * Parses the arguments (without node and script), runs the command and ends the process with its exit code.
 * Without a command it is `up`.
 */
export async function runCommandLine(args: readonly string[]): Promise<void> {
  // A reader that has seen enough (`| head`) is not an error.
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) =>
      process.exit(error.code === 'EPIPE' ? exitCodes.ok : exitCodes.failed),
    );
  }
  try {
    await createProgram().parseAsync(withDefaultCommand(args), { from: 'user' });
  } catch (error) {
    process.exitCode = exitCodeOf(error);
  }
}

function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
  return printError(error);
}

/** Commander's own default command would take every typing error for an argument of it. */
export function withDefaultCommand(args: readonly string[]): string[] {
  let hasCommand = false;
  for (let i = 0; i < args.length; i += 1) {
    const argument = args[i] as string;
    if (['-h', '--help', '-V', '--version'].includes(argument)) return [...args];
    if (argument === '--config') i += 1;
    else if (!argument.startsWith('-')) hasCommand = true;
  }
  return hasCommand ? [...args] : ['up', ...args];
}
