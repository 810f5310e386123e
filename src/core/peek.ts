import type { Known } from '#routing';
import type { Arrival } from './accept.ts';
import { withoutQuery } from './plan-request.ts';

/** What the head of a request says: for the rules, and about how its body comes. */
export interface Peeked extends Known {
  /** Set by Claude Code when a subagent was started by another one. */
  readonly parentAgentId?: string;
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
  let userAgent: string | undefined;
  let timeoutSeconds: number | undefined;
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
      case 'x-claude-code-parent-agent-id':
        peeked.parentAgentId ??= value.slice(0, 64);
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
      case 'user-agent':
        userAgent ??= value.slice(0, 64);
        break;
      case 'x-stainless-timeout':
        timeoutSeconds ??= Number(value);
        break;
    }
  }
  // An agent that its user defined is called `custom` here; its own name has to be looked up.
  if (agentType !== undefined && agentType !== 'custom') peeked.agentName = agentType;
  else if (peeked.agentId === undefined && !isOldClaudeCode(userAgent)) peeked.agentName = null;
  if (peeked.requestClass === undefined && isSafetyCheck(userAgent, timeoutSeconds))
    peeked.mayBeSafetyCheck = true;
  return peeked;
}

/** Older releases of Claude Code than this do not say which requests are those of a subagent. */
const sayingAgentIds = [2, 1, 197];

function isOldClaudeCode(userAgent: string | undefined): boolean {
  const version = /^claude-cli\/(\d{1,6})\.(\d{1,6})\.(\d{1,6})/.exec(userAgent ?? '');
  if (version === null) return false;
  for (const [index, least] of sayingAgentIds.entries()) {
    const number = Number(version[index + 1]);
    if (number !== least) return number < least;
  }
  return false;
}

/** Claude Code gives its checks of commands a minute; turns of an agent have five or ten. */
function isSafetyCheck(userAgent = '', timeoutSeconds = Number.NaN): boolean {
  return timeoutSeconds <= 60 && userAgent.startsWith('claude-cli/');
}
