import type { OutgoingMessage } from 'node:http';

const nothing = Buffer.alloc(0);

/**
 * Sends a composed head now, before there is a body. `flushHeaders()` would write it as UTF-8 and so change every
 * byte above 127; a write of no bytes sends it as it is.
 */
export function sendHead(message: OutgoingMessage): void {
  message.write(nothing);
}
