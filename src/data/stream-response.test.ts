import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import { describe, expect, it } from 'vitest';
import { waitFor } from '#test-support';
import { streamResponse } from './stream-response.ts';

const piece = Buffer.alloc(64 * 1024);

/** Serves an endless answer and tells how much of it was asked for. */
async function serveEndless() {
  const state = { producedBytes: 0, isLeft: false };
  async function* endless(): AsyncGenerator<Uint8Array> {
    try {
      for (;;) {
        state.producedBytes += piece.length;
        yield piece;
      }
    } finally {
      state.isLeft = true;
    }
  }
  const listener = getRequestListener(() => streamResponse(endless(), {}, () => undefined), {
    overrideGlobalObjects: false,
  });
  const server = createServer((request, response) => void listener(request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { state, server, port: (server.address() as AddressInfo).port };
}

describe('a streamed answer', () => {
  it('is made only as fast as it is read, and given up when the reader leaves', async () => {
    const { state, server, port } = await serveEndless();
    const client = connect(port, '127.0.0.1');
    client.on('error', () => undefined);
    client.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    let read = 0;
    for await (const bytes of client) {
      read += (bytes as Buffer).length;
      // What lies between is what the sockets of the system hold.
      expect(state.producedBytes - read).toBeLessThan(16 * 1024 * 1024);
      if (read > 64 * 1024 * 1024) break;
    }
    client.destroy();
    server.close();
    await once(server, 'close');
    await waitFor(() => state.isLeft, { what: 'the maker of the answer to be told' });
    expect(state.isLeft).toBe(true);
  });
});
