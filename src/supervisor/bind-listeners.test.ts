import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { bindHandle } from './bind-address.ts';
import { bindListeners } from './bind-listeners.ts';
import { portHolder } from './port-holder.ts';

const both = (purpose: string, port = 0) => [
  { purpose, host: '127.0.0.1', port },
  { purpose, host: '::1', port },
];

async function stranger(host = '127.0.0.1') {
  const server = createServer().listen(0, host);
  await once(server, 'listening');
  return { server, port: (server.address() as { port: number }).port };
}

describe('binding the listeners', () => {
  it('gives both families of one purpose the same port and every purpose its own', async () => {
    const { bound, notices } = await bindListeners([...both('front'), ...both('data')]);
    expect(bound.map(({ purpose, host }) => `${purpose} ${host}`)).toEqual([
      'front 127.0.0.1',
      'front ::1',
      'data 127.0.0.1',
      'data ::1',
    ]);
    const ports = bound.map(({ port }) => port);
    expect(ports[0]).toBe(ports[1]);
    expect(ports[2]).toBe(ports[3]);
    expect(ports[0]).not.toBe(ports[2]);
    expect(notices).toEqual([]);
    for (const one of bound) one.close();
  });

  it('takes localhost for both families', async () => {
    const { bound } = await bindListeners([
      { purpose: 'front', host: 'localhost', port: 0 },
      ...both('front'),
    ]);
    expect(bound.map(({ host }) => host)).toEqual(['127.0.0.1', '::1']);
    for (const one of bound) one.close();
  });

  it('UPG-17: keeps nothing when one of the addresses is taken', async () => {
    const { server, port } = await stranger('::1');
    await expect(bindListeners(both('front', port))).rejects.toMatchObject({
      code: 'address-taken',
      message: expect.stringContaining(`[::1]:${port} (front) is used by `),
    });
    // The other family was let go: whoever wants it can have it.
    const other = createServer().listen(port, '127.0.0.1');
    await once(other, 'listening');
    other.close();
    server.close();
  });

  it('names an address that this machine does not have', async () => {
    await expect(bindListeners([{ purpose: 'front', host: '192.0.2.1', port: 0 }])).rejects.toMatchObject({
      code: 'address-unusable',
      message: expect.stringContaining('192.0.2.1:0 (front) is not an address of this machine'),
    });
  });

  it('names a host name that nobody knows', async () => {
    await expect(
      bindListeners([{ purpose: 'front', host: 'nowhere.invalid', port: 0 }]),
    ).rejects.toMatchObject({
      code: 'address-unusable',
    });
  });
});

describe('the binding for Node without BoundSocket', () => {
  it('binds exactly what was asked for', async () => {
    const bound = bindHandle('127.0.0.1', 0);
    expect(bound.port).toBeGreaterThan(0);
    expect(bound.fd).toBeGreaterThan(2);
    const server = createServer((socket) => socket.end('hello')).listen({ fd: bound.fd });
    await once(server, 'listening');
    expect(server.address()).toMatchObject({ address: '127.0.0.1', port: bound.port });
    const [data] = await once(connect(bound.port, '127.0.0.1'), 'data');
    expect(String(data)).toBe('hello');
    server.close();
  });

  it('UPG-17: notices a taken port, although the primitive does not say so', async () => {
    const { server, port } = await stranger();
    expect(() => bindHandle('127.0.0.1', port)).toThrow(expect.objectContaining({ code: 'EADDRINUSE' }));
    server.close();
  });

  it('notices an address that this machine does not have', () => {
    expect(() => bindHandle('192.0.2.1', 0)).toThrow(expect.objectContaining({ code: 'EADDRNOTAVAIL' }));
  });
});

it('the holder of a port is found where /proc tells it', async () => {
  const { server, port } = await stranger();
  expect(portHolder(port)).toEqual(
    process.platform === 'linux' ? { pid: process.pid, name: expect.any(String) } : undefined,
  );
  server.close();
  await once(server, 'close');
  expect(portHolder(port)).toBeUndefined();
});
