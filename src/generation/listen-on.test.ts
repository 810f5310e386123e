import net, { createServer, type Server } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { listenOn } from './listen-on.ts';

const open: Server[] = [];
afterEach(() => {
  for (const server of open.splice(0)) server.close();
});

function server(): Server {
  const one = createServer((socket) => socket.end());
  open.push(one);
  return one;
}

describe('listening on a slot', () => {
  it('takes the address of the slot and tells the port the system chose', async () => {
    const address = await listenOn(server(), { purpose: 'front', host: '127.0.0.1', port: 0 });
    expect(address).toEqual({ purpose: 'front', host: '127.0.0.1', port: expect.any(Number) });
    expect(address.port).toBeGreaterThan(0);
  });

  it('serves both families of localhost at one port', async () => {
    const { port } = await listenOn(server(), { purpose: 'front', host: '127.0.0.1', port: 0 });
    const six = await listenOn(server(), { purpose: 'front', host: '::1', port });
    expect(six).toEqual({ purpose: 'front', host: '::1', port });
  });

  it('names an address that is taken', async () => {
    const { port } = await listenOn(server(), { purpose: 'front', host: '127.0.0.1', port: 0 });
    await expect(listenOn(server(), { purpose: 'core', host: '127.0.0.1', port })).rejects.toThrow(
      `cannot listen on core 127.0.0.1:${port}: EADDRINUSE`,
    );
  });

  it('accepts on an inherited socket', async () => {
    const bound = new net.BoundSocket({ host: '127.0.0.1', port: 0 });
    const slot = { purpose: 'front', host: '127.0.0.1', port: bound.address().port, fd: bound.fd() };
    expect(await listenOn(server(), slot)).toEqual({ purpose: 'front', host: '127.0.0.1', port: slot.port });
  });

  it('UPG-04: refuses an inherited socket that is bound elsewhere', async () => {
    const bound = new net.BoundSocket({ host: '127.0.0.1', port: 0 });
    const one = server();
    const slot = { purpose: 'front', host: '127.0.0.1', port: 9, fd: bound.fd() };
    await expect(listenOn(one, slot)).rejects.toThrow(
      `refused to serve front 127.0.0.1:9: the socket is bound to 127.0.0.1:${bound.address().port}`,
    );
    expect(one.listening).toBe(false);
  });

  it('refuses standard streams as sockets', async () => {
    await expect(listenOn(server(), { purpose: 'front', host: '127.0.0.1', port: 9, fd: 2 })).rejects.toThrow(
      'sockets start at 3',
    );
  });
});
