import { connect } from 'node:net';
import { createServer } from 'node:tls';

/**
 * A certificate for localhost, provider.test and 127.0.0.1 that nobody trusts, valid for a hundred years. Its key is public
 * and proves nothing.
 */
export const untrustedCertificate = `-----BEGIN CERTIFICATE-----
MIIBsTCCAVigAwIBAgIUNoTTEug9Z6f6H4xi6YphYNtTp1AwCgYIKoZIzj0EAwIw
GDEWMBQGA1UEAwwNcHJvdmlkZXIudGVzdDAgFw0yNjExMjQxMzExMjRaGA8yMTI2
MTAzMTEzMTEyNFowGDEWMBQGA1UEAwwNcHJvdmlkZXIudGVzdDBZMBMGByqGSM49
AgEGCCqGSM49AwEHA0IABFdxssM4juDrS/dBLpwkQNo1jU3WPoAmBOKvizSkkA3Q
RD/nPg8EOmYlcHigd3VWCvJwLFm66IqxKw/v/3MBqiijfjB8MB0GA1UdDgQWBBQI
av9z1xv5269qe0EoVIs/sWoitjAfBgNVHSMEGDAWgBQIav9z1xv5269qe0EoVIs/
sWoitjApBgNVHREEIjAggglsb2NhbGhvc3SCDXByb3ZpZGVyLnRlc3SHBH8AAAEw
DwYDVR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNHADBEAiBpwaoAp1wJG7lu07D+
gmmqMeb2HznFbC9o/FBnzDLRAQIgb7VyyE5BAZcGg5KCyEZKj7Raz5FHAtf4ecAn
qt4SlPs=
-----END CERTIFICATE-----
`;

const key = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgoh6HymAET8/mJzrY
o9h5D7jGCNcTqnxBB1+PxSnyzJihRANCAARXcbLDOI7g60v3QS6cJEDaNY1N1j6A
JgTir4s0pJAN0EQ/5z4PBDpmJXB4oHd1VgrycCxZuuiKsSsP7/9zAaoo
-----END PRIVATE KEY-----
`;

export interface TlsFront {
  readonly port: number;
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Speaks TLS in front of something that listens on loopback without it, for example a fake provider. */
export async function startTlsFront(behindPort: number): Promise<TlsFront> {
  const open = new Set<{ destroy(): void }>();
  const server = createServer({ cert: untrustedCertificate, key }, (outer) => {
    const inner = connect({ port: behindPort, host: '127.0.0.1' });
    open.add(outer).add(inner);
    for (const socket of [outer, inner]) {
      socket.on('error', () => {});
      socket.on('close', () => {
        outer.destroy();
        inner.destroy();
      });
    }
    outer.pipe(inner);
    inner.pipe(outer);
  });
  server.on('tlsClientError', () => {});
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a TLS front has no port');
  const close = async (): Promise<void> => {
    for (const socket of open) socket.destroy();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  };
  return { port: address.port, close, [Symbol.asyncDispose]: close };
}
