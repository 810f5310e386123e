import { writeFileSync } from 'node:fs';

/**
 * First call of every program: whatever it creates is private to its user, and a core dump of it holds no
 * memory (prompts and credentials pass through). Never throws.
 */
export function prepareProcess(): void {
  process.umask(0o077);
  if (process.platform !== 'linux') return;
  try {
    // Node cannot set RLIMIT_CORE; an empty filter leaves every memory mapping out of a dump, and children inherit it.
    writeFileSync('/proc/self/coredump_filter', '0');
  } catch {
    // A kernel without core dumps, or a sandbox that forbids the write: there is nothing to switch off.
  }
}
