import { asArray, asObject, type JsonObject, parseJson } from '#formats';

/** English prose has about 4 characters a token, code and JSON 3: conversations of agents are a mixture of them. */
const charactersPerToken = 3.5;
/** Letters outside of ASCII: about one token for two of them in European texts, nearly one for each in Chinese. */
const tokensPerWideCharacter = 0.7;
/** Role, separators and the like of one message. */
const tokensPerMessage = 4;
/** An image as large as clients send them, scaled down by the provider. */
const tokensPerImage = 1500;
/** A page of a PDF has about this many bytes, and is read as text and as an image. */
const bytesPerPage = 50_000;
const tokensPerPage = 2000;

/**
 * How many tokens a Messages request is likely to be, within about a third for text: there is no tokenizer here, and
 * every model has its own. Pictures and documents count by what they are, not by the length of their base64.
 * @returns a whole number, at least 1; of what is no JSON a guess by its length
 */
export function estimateTokens(anthropicBody: Uint8Array): number {
  const request = asObject(parseJson(anthropicBody));
  if (request === undefined) return Math.max(1, Math.ceil(anthropicBody.length / charactersPerToken));
  return estimateRequest(request);
}

/** The same for a request that is parsed already. */
export function estimateRequest(request: JsonObject): number {
  const messages = asArray(request.messages);
  const tokens =
    tokensOf(request.system) +
    tokensOf(request.tools) +
    tokensOf(messages) +
    tokensPerMessage * messages.length;
  return Math.max(1, Math.ceil(tokens));
}

/** Tokens of the text of an answer. */
export function estimateText(text: string): number {
  let wide = 0;
  for (let at = 0; at < text.length; at += 1) if (text.charCodeAt(at) > 0x7f) wide += 1;
  return (text.length - wide) / charactersPerToken + wide * tokensPerWideCharacter;
}

/** Looks at everything below a value. What is still to be looked at stands on a list, not on the call stack. */
function tokensOf(root: unknown): number {
  let tokens = 0;
  const open: unknown[] = [root];
  while (open.length > 0) {
    const value = open.pop();
    if (typeof value === 'string') tokens += estimateText(value);
    else if (typeof value === 'number' || typeof value === 'boolean') tokens += 1;
    else if (Array.isArray(value)) for (const item of value) open.push(item);
    else if (value !== null && typeof value === 'object') tokens += tokensOfObject(value as JsonObject, open);
  }
  return tokens;
}

/** Keys of our own blocks are no content; those of schemas and inputs are. Members are added to `open`. */
function tokensOfObject(value: JsonObject, open: unknown[]): number {
  const attachment = tokensOfAttachment(value);
  if (attachment !== undefined) return attachment;
  let tokens = 0;
  for (const key of Object.keys(value)) {
    if (key === 'cache_control' || key === 'signature') continue;
    tokens += 1 + key.length / 8;
    open.push(value[key]);
  }
  return tokens;
}

function tokensOfAttachment({ type, source }: JsonObject): number | undefined {
  if (type === 'image') return tokensPerImage;
  const { type: sourceType, data } = asObject(source) ?? {};
  if (type !== 'document' || sourceType === 'text' || sourceType === 'content') return undefined;
  const bytes = typeof data === 'string' ? (data.length * 3) / 4 : 0;
  return tokensPerPage * Math.max(1, Math.ceil(bytes / bytesPerPage));
}
