import { asObject } from '#formats';
import { parseExactJson } from './exact-json.ts';

/**
 * The input of a call from the text of its arguments. Text that is no JSON object stays, as `{"_raw": …}`: the client
 * finds that it does not fit the tool, says so, and the model sees what it wrote.
 */
export function toolInput(args: string): unknown {
  if (args.trim() === '') return {};
  const value = parseExactJson(args);
  if (value === null) return {};
  // Some servers write the text of the arguments as a JSON string once more.
  const inner = typeof value === 'string' ? asObject(parseExactJson(value)) : undefined;
  return asObject(value) ?? inner ?? { _raw: args };
}

const acceptedId = /^[a-zA-Z0-9_-]{1,64}$/;

/**
 * Gives each call of one answer its id: the provider's, when Anthropic would take it and no other call of the
 * conversation has it, else one made from the message's own, which is unique.
 */
export function createCallIds(
  messageId: string,
  used: ReadonlySet<string> = new Set(),
): (id?: string) => string {
  const given = new Set<string>();
  const stem = messageId
    .replace(/^msg_/, '')
    .replace(/[^a-zA-Z0-9_-]/g, '')
    .slice(0, 40);
  return (id) => {
    let answer = id ?? '';
    for (let n = given.size; !acceptedId.test(answer) || used.has(answer) || given.has(answer); n += 1) {
      answer = `toolu_${stem}_${n}`;
    }
    given.add(answer);
    return answer;
  };
}
