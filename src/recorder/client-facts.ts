import { type HeaderList, headerValue } from '#exchange';

/** Who asked, as the headers of the request tell. */
export interface ClientFacts {
  readonly sessionId?: string;
  readonly agentId?: string;
  readonly parentAgentId?: string;
  readonly agentType?: string;
  readonly requestClass?: string;
  readonly promptId?: string;
  readonly clientVersion?: string;
  readonly clientRequestId?: string;
}

/** Each fact with the header fields that may carry it; the first one present wins. */
const fields: readonly (readonly [keyof ClientFacts, readonly string[]])[] = [
  // Claude Code, then Codex, then opencode.
  ['sessionId', ['x-claude-code-session-id', 'session-id', 'thread-id', 'x-session-id']],
  ['agentId', ['x-claude-code-agent-id']],
  ['parentAgentId', ['x-claude-code-parent-agent-id']],
  ['agentType', ['x-claude-code-agent-type']],
  ['requestClass', ['x-claude-code-request-class']],
  ['promptId', ['x-claude-code-prompt-id']],
  ['clientRequestId', ['x-client-request-id']],
];

const valueCharactersMax = 256;

export function clientFacts(headers: HeaderList): ClientFacts {
  const facts: { -readonly [K in keyof ClientFacts]: ClientFacts[K] } = {};
  for (const [fact, names] of fields) {
    const value = firstValue(headers, names);
    if (value !== undefined) facts[fact] = value;
  }
  const version = versionOf(headerValue(headers, 'user-agent'));
  if (version !== undefined) facts.clientVersion = version;
  return facts;
}

function firstValue(headers: HeaderList, names: readonly string[]): string | undefined {
  for (const name of names) {
    const value = headerValue(headers, name);
    if (value !== undefined && value !== '') return value.slice(0, valueCharactersMax);
  }
  return undefined;
}

/** `claude-cli/2.1.330 (external, cli)` → `claude-cli/2.1.330`; `OpenAI/JS 7.57.0` → `OpenAI/JS 7.57.0`. */
function versionOf(userAgent: string | undefined): string | undefined {
  return /^[^\s()]{1,200}(?: \d[^\s()]{0,40})?/.exec(userAgent ?? '')?.[0];
}
