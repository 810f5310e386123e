// biome-ignore-all lint/suspicious/noTemplateCurlyInString: variables of the configuration look like this.
import { describe, expect, it } from 'vitest';
import { expandVariables } from './expand-variables.ts';

describe('variables in a text', () => {
  const values: Record<string, string> = { NAME: 'value', EMPTY: '', NESTED: '${NAME}' };
  const expand = (text: string) => expandVariables(text, (name) => values[name]);

  it('P17: are replaced anywhere in it', () => {
    expect(expand('a ${NAME} b ${NAME}').text).toBe('a value b value');
  });

  it('P17: take their default when they are not set or empty', () => {
    expect(expand('${GONE:-there}').text).toBe('there');
    expect(expand('${EMPTY:-there}').text).toBe('there');
    expect(expand('${EMPTY}').text).toBe('');
    expect(expand('${GONE:-}')).toEqual({ text: '', undefinedNames: [], malformed: false });
  });

  it('are reported when they have neither value nor default', () => {
    expect(expand('${GONE} ${NAME} ${LOST}').undefinedNames).toEqual(['GONE', 'LOST']);
  });

  it('are never expanded twice', () => {
    expect(expand('${NESTED}').text).toBe('${NAME}');
  });

  it('can be written literally', () => {
    expect(expand('$${NAME} costs $5')).toEqual({
      text: '${NAME} costs $5',
      undefinedNames: [],
      malformed: false,
    });
  });

  it('are malformed without a name or an end', () => {
    for (const text of ['${', '${}', '${1X}', '${NAME', '${NAME:default}']) {
      expect(expand(text).malformed, text).toBe(true);
    }
  });
});
