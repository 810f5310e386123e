import type { AnswerError } from '../anthropic/error.ts';
import { asObject, asText, type JsonObject } from '../json-value.ts';

/** The error in `{error:{message, type, code}}`, also as it comes in a stream; undefined when there is none. */
export function errorFromOpenai(value: JsonObject): AnswerError | undefined {
  const error = asObject(value.error) ?? (value.type === 'error' ? value : undefined);
  if (error === undefined) return undefined;
  const errorMessage = asText(error.message, 2000);
  const type = error === value ? undefined : asText(error.type, 128);
  return {
    errorType: type ?? asText(error.code, 128) ?? 'error',
    ...(errorMessage === undefined ? {} : { errorMessage }),
  };
}
