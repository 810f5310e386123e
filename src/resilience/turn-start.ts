import { asArray, asObject, parseJson } from '#formats';

/**
 * Whether a request begins a turn: its last message is the user's own, not the result of a tool that the model called.
 * In the middle of a turn a model goes on with its own calls, ids and signed thinking, which others do not take. Bodies
 * that cannot be read begin nothing.
 * @param body of the Messages API, of chat completions or of responses
 */
export function isTurnStart(body: Uint8Array): boolean {
  const request = asObject(parseJson(body));
  if (request === undefined) return false;
  // Of the responses API: what went before is known to its provider alone.
  if (typeof request.previous_response_id === 'string') return false;
  if (typeof request.input === 'string') return true;
  const messages = asArray(request.messages ?? request.input);
  // Words of the system, or of the client about its own state, may stand behind the user's.
  const last = messages.findLast((message) => !saysSystem(message));
  return last !== undefined && !isResult(last);
}

function saysSystem(message: unknown): boolean {
  const role = asObject(message)?.role;
  return role === 'system' || role === 'developer';
}

function isResult(message: unknown): boolean {
  const { role, type, content } = asObject(message) ?? {};
  if (role === 'tool' || role === 'function' || role === 'assistant') return true;
  if (typeof type === 'string' && type !== 'message') return true;
  return asArray(content).some((block) => asObject(block)?.type === 'tool_result');
}
