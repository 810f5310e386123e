import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AnswerContext } from '../index.ts';

const directory = join(import.meta.dirname, 'streams');

/** A stream of chat completions as a provider sends it, with its quirks, and the Messages stream it has to become. */
export interface ProviderStream {
  readonly name: string;
  readonly bytes: Buffer;
  /** The file with the expected events; `npx vitest run -u` writes it anew. */
  readonly expectedPath: string;
}

export const providerStreams: readonly ProviderStream[] = readdirSync(directory)
  .filter((file) => file.endsWith('.txt') && !file.endsWith('.events.txt'))
  .sort()
  .map((file) => {
    const name = file.slice(0, -4);
    return {
      name,
      bytes: readFileSync(join(directory, file)),
      expectedPath: join(directory, `${name}.events.txt`),
    };
  });

/** The context of a request that asked for thinking and knows one stop sequence. */
export const streamContext: AnswerContext = {
  clientFormat: 'anthropic',
  askedModel: 'claude-asked',
  inputTokensEstimate: 123,
  isStreaming: true,
  stopSequences: ['ENDE'],
  toolNames: new Map(),
  messageId: 'msg_01Test',
};
