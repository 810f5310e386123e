import { setTimeout as delay } from 'node:timers/promises';

export interface WaitOptions {
  readonly timeoutMs?: number;
  readonly intervalMs?: number;
  /** Says what was awaited when the deadline passes. */
  readonly what?: string | (() => string);
}

/** A busy machine is no failure: what passes has waited for less, and what fails may take longer to say so. */
const patience = 3;

/**
 * Polls until the condition gives a truthy value and returns that value. An exception counts as "not yet" and is
 * told when the deadline passes.
 */
export async function waitFor<T>(
  condition: () => T | Promise<T>,
  options: WaitOptions = {},
): Promise<NonNullable<T>> {
  const { intervalMs = 10 } = options;
  const timeoutMs = (options.timeoutMs ?? 15_000) * patience;
  const deadline = performance.now() + timeoutMs;
  let lastError: unknown;
  for (;;) {
    try {
      const value = await condition();
      if (value) return value as NonNullable<T>;
      lastError = undefined;
    } catch (error) {
      lastError = error;
    }
    if (performance.now() >= deadline) break;
    await delay(intervalMs);
  }
  const what = typeof options.what === 'function' ? options.what() : (options.what ?? 'the condition');
  throw new Error(`waited ${timeoutMs} ms in vain for ${what}`, { cause: lastError });
}

/** The promise, or an error that names what did not happen in time. */
export async function within<T>(promise: Promise<T>, timeoutMs: number, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${timeoutMs} ms in vain for ${what}`)), timeoutMs);
  });
  try {
    return await Promise.race([promise, deadline]);
  } finally {
    clearTimeout(timer);
  }
}
