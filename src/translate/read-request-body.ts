import { asObject, type JsonObject, jsonBytesMax } from '#formats';
import { parseExactJson } from './exact-json.ts';

/** A request with messages, as far as it can be read without knowing its format; or the sentence it is refused with. */
export function readRequestBody(
  body: Uint8Array,
): { readonly request: JsonObject; readonly messages: readonly unknown[] } | { readonly sentence: string } {
  if (body.length > jsonBytesMax) {
    const mebibytes = jsonBytesMax / 1024 / 1024;
    return {
      sentence: `The request is larger than ${mebibytes} MiB, which is the most that can be translated.`,
    };
  }
  const request = asObject(parseExactJson(body));
  if (request === undefined)
    return { sentence: 'The body is not a JSON object, so it cannot be translated.' };
  const { messages } = request;
  if (!Array.isArray(messages)) return { sentence: 'The request has no list of messages.' };
  return { request, messages };
}
