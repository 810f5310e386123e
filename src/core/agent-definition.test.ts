import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { readAgentDefinition } from './agent-definition.ts';

const nameOf = (frontMatter: string) => readAgentDefinition(`---\n${frontMatter}\n---\nPrompt`)?.name;

describe('readAgentDefinition', () => {
  it.each([
    ['name: code-reviewer', 'code-reviewer'],
    ['name:   spaced   # why', 'spaced'],
    ["'name': 'it''s'", "it's"],
    ['"name": "Größe"', 'Größe'],
    ['description: |\n  name: wrong\nname: right\ntools: Read', 'right'],
    ['other:\n  name: wrong', undefined],
    ['name: two\n  lines', undefined],
    ['name: "an \\u0065scape"', undefined],
    ['name: [list]', undefined],
    ['description: none', undefined],
  ])('P14: reads the name in %j as %j', (frontMatter, name) => {
    expect(nameOf(frontMatter)).toBe(name);
  });

  it('P14: never reads another name than a YAML parser does', () => {
    const text = fc.oneof(
      fc.string({ unit: 'grapheme' }),
      fc.constantFrom('name: x', '---', '- a', 'a\nname: b\n', '# c'),
    );
    const style = fc.constantFrom('PLAIN', 'QUOTE_DOUBLE', 'QUOTE_SINGLE', 'BLOCK_LITERAL', 'BLOCK_FOLDED');
    let named = 0;
    fc.assert(
      fc.property(text, text, text, style, (name, description, extra, defaultStringType) => {
        const written = { description, name, extra: [extra, { name: extra }] };
        const frontMatter = stringify(written, { defaultStringType, defaultKeyType: 'PLAIN' });
        if (/^---[ \t]*$/m.test(frontMatter)) return;
        const read = nameOf(frontMatter);
        if (read === undefined) return;
        named += 1;
        expect(read).toBe((parse(frontMatter) as { name: string }).name);
      }),
      { numRuns: 500 },
    );
    expect(named).toBeGreaterThan(50);
  });

  it('P14: ends the front matter at its second line of dashes, and no prompt at any', () => {
    expect(readAgentDefinition('\uFEFF---\r\nname: a\r\n---\r\nOne\r\n\r\n---\r\n\r\nTwo\r\n')).toEqual({
      name: 'a',
      prompt: 'One --- Two',
    });
  });

  it('reads nothing where there is no front matter, no end of it, or no prompt', () => {
    for (const text of [
      '',
      'Prompt',
      '---\nname: a\nPrompt',
      '---\nname: a\n---\n \n',
      ' ---\nname: a\n---\nPrompt',
    ])
      expect(readAgentDefinition(text)).toBeUndefined();
  });
});
