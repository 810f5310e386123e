import type { Known } from '#routing';
import type { Arrival } from './accept.ts';

/** What the head of a request says: for the rules, and about how its body comes. */
export interface Peeked extends Known {
  readonly transferCoding?: string;
  /** The client waits for `100 Continue` before it sends the body. */
  readonly expectsContinue: boolean;
}

/** Reads in one pass what matters of the headers. The body is looked at only when a rule asks (`peek-body.ts`). */
export function peek({ request, path, tag }: Arrival, now: Date): Peeked {
  const { rawHeaders } = request;
  const peeked: { -readonly [Key in keyof Peeked]: Peeked[Key] } = {
    method: request.method!,
    path: withoutQuery(path),
    headers: rawHeaders,
    minuteOfDay: now.getHours() * 60 + now.getMinutes(),
    expectsContinue: false,
  };
  if (tag !== undefined) peeked.tag = tag;
  let agentType: string | undefined;
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!;
    const value = rawHeaders[i + 1]!;
    switch (name.toLowerCase()) {
      case 'content-length':
        peeked.bodyBytes = Number(value);
        break;
      case 'transfer-encoding':
        peeked.transferCoding ??= value;
        break;
      case 'expect':
        peeked.expectsContinue = true;
        break;
      case 'x-claude-code-agent-id':
        peeked.agentId ??= value.slice(0, 64);
        break;
      case 'x-claude-code-agent-type':
        agentType ??= value.slice(0, 200);
        break;
      case 'x-claude-code-session-id':
        peeked.sessionId ??= value.slice(0, 64);
        break;
      case 'x-claude-code-request-class':
        peeked.requestClass ??= value.slice(0, 64);
        break;
    }
  }
  // An agent that its user defined is called `custom` here; its own name has to be looked up.
  if (agentType !== undefined && agentType !== 'custom') peeked.agentName = agentType;
  else if (peeked.agentId === undefined) peeked.agentName = null;
  return peeked;
}

function withoutQuery(path: string): string {
  const at = path.indexOf('?');
  return at < 0 ? path : path.slice(0, at);
}
