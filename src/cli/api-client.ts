import { type IncomingMessage, request } from 'node:http';
import type { ResolvedConfig } from '#config';
import { readRunStates } from '#supervisor';
import { CliError, exitCodes, notRunning } from './cli-error.ts';

const jsonBytesMax = 256 * 1024 * 1024;
const headWithinMs = 30_000;

/** One answered call; `body` has not been read yet. */
export interface ApiAnswer {
  readonly status: number;
  readonly body: IncomingMessage;
}

/**
 * Calls proxy-data of this data directory, with the access token. Only an address that a living supervisor of
 * this directory bound is ever called: the token is for nobody else. Rejects with exit code 3 when it does not run.
 */
export async function callApi(
  config: ResolvedConfig,
  path: string,
  headers: Record<string, string> = {},
): Promise<ApiAnswer> {
  const address = dataAddress(config.dataDir);
  const token = config.data.access.token;
  return new Promise((resolve, reject) => {
    const call = request(
      {
        host: address.host,
        port: address.port,
        path,
        agent: false,
        headers: {
          accept: 'application/json',
          ...(token === '' ? {} : { 'x-throughline-token': token }),
          ...headers,
        },
      },
      (body) => {
        call.setTimeout(0);
        resolve({ status: body.statusCode ?? 0, body });
      },
    );
    call.setTimeout(headWithinMs, () => call.destroy(new Error('proxy-data does not answer')));
    call.on('error', (error: NodeJS.ErrnoException) => {
      const isGone = error.code === 'ECONNREFUSED' || error.code === 'ECONNRESET';
      reject(isGone ? notRunning('proxy-data') : error);
    });
    call.end();
  });
}

/** The JSON of a 200 answer; every other status becomes an error with the exit code that fits. */
export async function getJson<Body>(config: ResolvedConfig, path: string): Promise<Body> {
  const { status, body } = await callApi(config, path);
  const text = await readText(body);
  if (status !== 200) throw asCliError(status, text);
  // The contract types what proxy-data of the same release sends.
  return JSON.parse(text) as Body;
}

export function asCliError(status: number, text: string): CliError {
  const sentence = errorSentence(text) ?? `proxy-data answered with status ${status}`;
  if (status === 404)
    return new CliError(exitCodes.notFound, sentence, 'See which there are: throughline tail');
  if (status === 400) return new CliError(exitCodes.usage, sentence);
  return new CliError(exitCodes.failed, sentence);
}

export async function readText(body: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of body) {
    bytes += (piece as Buffer).length;
    if (bytes > jsonBytesMax)
      throw new CliError(
        exitCodes.failed,
        'the answer of proxy-data is too large',
        'Use --body to get a body as it is.',
      );
    pieces.push(piece as Buffer);
  }
  return Buffer.concat(pieces).toString('utf8');
}

function dataAddress(dataDir: string): { host: string; port: number } {
  for (const state of readRunStates(dataDir)) {
    const address = state.addresses.find(({ purpose }) => purpose === 'data');
    if (address !== undefined) return address;
  }
  throw notRunning('proxy-data');
}

function errorSentence(text: string): string | undefined {
  try {
    const { error } = JSON.parse(text) as { error?: unknown };
    return typeof error === 'string' ? error : undefined;
  } catch {
    return undefined;
  }
}
