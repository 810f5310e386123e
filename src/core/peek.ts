import { type HeaderList, headerValue } from '#exchange';

/** What a route may depend on. */
export interface Peeked {
  /** Set by coding agents on requests of a subagent. */
  readonly agentId?: string;
}

/** Looks at the headers only: no rule asks for the body, so its bytes flow upstream as they arrive. */
export function peek(headers: HeaderList): Peeked {
  const agentId = headerValue(headers, 'x-claude-code-agent-id');
  return agentId === undefined ? {} : { agentId: agentId.slice(0, 64) };
}
