import { asObject, asText, type JsonObject } from '../json-value.ts';

export interface AnswerError {
  readonly errorType: string;
  readonly errorMessage?: string;
}

/** The error in `{type:"error", error:{type, message}}`; undefined when the value is no error. */
export function errorFromAnthropic(value: JsonObject): AnswerError | undefined {
  if (value.type !== 'error') return undefined;
  const error = asObject(value.error);
  const errorMessage = asText(error?.message, 2000);
  return {
    errorType: asText(error?.type, 128) ?? 'error',
    ...(errorMessage === undefined ? {} : { errorMessage }),
  };
}
