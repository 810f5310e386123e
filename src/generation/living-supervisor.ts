import { readFileSync } from 'node:fs';
import { isProcessAlive } from './process-identity.ts';

const stateBytesMax = 8 * 1024 * 1024;

/** The control socket of the supervisor that wrote this state file; undefined when it is not alive or not readable. */
export function livingSupervisor(stateFile: string): string | undefined {
  try {
    const text = readFileSync(stateFile, 'utf8');
    if (text.length > stateBytesMax) return undefined;
    const { pid, startToken, controlSocket } = JSON.parse(text) as Record<string, unknown>;
    if (typeof pid !== 'number' || typeof startToken !== 'string') return undefined;
    if (typeof controlSocket !== 'string' || !isProcessAlive(pid, startToken)) return undefined;
    return controlSocket;
  } catch {
    return undefined;
  }
}
