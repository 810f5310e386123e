import { spawnSync } from 'node:child_process';

export interface ProgramResult {
  /** Undefined when there is no such program. */
  readonly code: number | undefined;
  readonly stdout: string;
  /** What it said about a failure, on one line. */
  readonly complaint: string;
}

/** Runs a program of the system and waits for its end. Throws when it exists and cannot be started. */
export function runProgram(program: string, args: readonly string[]): ProgramResult {
  const { error, status, signal, stdout, stderr } = spawnSync(program, args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    maxBuffer: 4 * 1024 * 1024,
  });
  if ((error as NodeJS.ErrnoException | undefined)?.code === 'ENOENT')
    return { code: undefined, stdout: '', complaint: `there is no program ${program}` };
  if (error !== undefined) throw error;
  const said = stderr
    .trim()
    .split(/\s*\n\s*/)
    .join('; ');
  return { code: status ?? 1, stdout, complaint: said || (signal ?? `exit code ${status}`) };
}
