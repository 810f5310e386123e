import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';

export interface LoadProvider {
  readonly origin: string;
  /** Connections that are open at this moment. */
  connections(): Promise<number>;
  readonly received: number;
  [Symbol.asyncDispose](): Promise<void>;
}

/** A provider that keeps nothing of what it received, for loads that would fill the memory of a test. */
export async function startLoadProvider(
  answer: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<LoadProvider> {
  let received = 0;
  // It never closes an idle connection and promises nothing: who opened it has to.
  const server = createServer({ keepAliveTimeout: 0 }, (request, response) => {
    received += 1;
    response.on('error', () => undefined);
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  return {
    origin: `http://127.0.0.1:${port}`,
    connections: () =>
      new Promise((resolve, reject) =>
        server.getConnections((error, count) => (error ? reject(error) : resolve(count))),
      ),
    get received() {
      return received;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Reads a body to its end and answers with its length and SHA-256. */
export function answerWithDigest(request: IncomingMessage, response: ServerResponse): void {
  const hash = createHash('sha256');
  let bytes = 0;
  request.on('data', (piece: Buffer) => {
    bytes += piece.length;
    hash.update(piece);
  });
  request.on('end', () => response.end(`${bytes} ${hash.digest('hex')}`));
}
