import type { HeaderList } from '#exchange';

/** What a front hands to proxy-data is of two kinds: event streams stay open as long as a dashboard does. */
export type PipedKind = 'events' | 'requests';

/** A request that a front handed over, and how many of its kind there may be at once on this host. */
export interface PipedRequest {
  readonly kind: PipedKind;
  readonly max: number;
}

/**
 * Set by the built-in front on what it pipes to proxy-data. Several processes of proxy-core may pipe, and none knows how
 * much the others do; proxy-data sees all of them and keeps the bound. On its answer the field says that the bound was
 * reached.
 */
export const pipedField = 'x-throughline-piped';
export const pipedRefusal = 'full';

export function pipedValue({ kind, max }: PipedRequest): string {
  return `${kind} ${max}`;
}

/** Undefined when no front says so; who lies about it, waits for others or refuses only itself. */
export function pipedRequest(headers: HeaderList): PipedRequest | undefined {
  for (let i = 0; i + 1 < headers.length; i += 2) {
    if (headers[i]!.toLowerCase() !== pipedField) continue;
    const [, kind, max] = /^(events|requests) (\d{1,6})$/.exec(headers[i + 1]!) ?? [];
    if (kind !== undefined) return { kind: kind as PipedKind, max: Number(max) };
  }
  return undefined;
}
