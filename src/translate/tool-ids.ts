import { shortHash } from './short-hash.ts';

/** Ids of tool calls as a provider accepts them. A conversation may hold calls of several providers. */
export interface ToolIds {
  /** The same id always gives the same answer: a call and its result find each other. */
  accepted(id: string): string;
}

/**
 * `any` takes up to 40 characters, as OpenAI does; `nine` exactly nine letters or digits, as Mistral does; `anthropic`
 * no dots and colons.
 */
export type ToolIdForm = 'any' | 'nine' | 'anthropic';

const forms: Readonly<Record<ToolIdForm, { readonly pattern: RegExp; make(hash: string): string }>> = {
  any: { pattern: /^[\w.:-]{1,40}$/, make: (hash) => `call_${hash}` },
  nine: { pattern: /^[a-zA-Z0-9]{9}$/, make: (hash) => hash.slice(-9) },
  anthropic: { pattern: /^[a-zA-Z0-9_-]{1,64}$/, make: (hash) => `toolu_${hash}` },
};

export function createToolIds(form: ToolIdForm): ToolIds {
  const { pattern, make } = forms[form];
  const given = new Map<string, string>();
  const taken = new Set<string>();

  return {
    accepted(id) {
      const known = given.get(id);
      if (known !== undefined) return known;
      let answer = pattern.test(id) && !taken.has(id) ? id : make(shortHash(id));
      for (let salt = 1; taken.has(answer); salt += 1) answer = make(shortHash(`${id}#${salt}`));
      taken.add(answer);
      given.set(id, answer);
      return answer;
    },
  };
}
