import { readFileSync } from 'node:fs';

/**
 * Connections that the kernel turned away since it started, because a listening queue was full: the whole machine's
 * count, so only a difference that is 0 says something certain. Undefined where there is no such count.
 */
export function listenDrops(): number | undefined {
  let text: string;
  try {
    text = readFileSync('/proc/self/net/netstat', 'latin1');
  } catch {
    return undefined;
  }
  return parseListenDrops(text);
}

/** A line of names, then a line of numbers; `ListenDrops` includes `ListenOverflows`. Exported for its test. */
export function parseListenDrops(text: string): number | undefined {
  const [names, numbers] = text
    .split('\n')
    .filter((line) => line.startsWith('TcpExt:'))
    .map((line) => line.split(' '));
  const place = names?.indexOf('ListenDrops') ?? -1;
  const count = Number(numbers?.[place]);
  return place > 0 && Number.isSafeInteger(count) ? count : undefined;
}
