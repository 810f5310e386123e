type Plist = string | number | boolean | readonly Plist[] | { readonly [key: string]: Plist };

/** Reads a property list as launchd does, as far as our agents need it. Throws on anything that is not well formed. */
export function readPlist(text: string): { readonly [key: string]: Plist } {
  const head =
    /^<\?xml version="1\.0" encoding="UTF-8"\?>\n<!DOCTYPE plist [^>]*>\n(?:<!--(?:(?!--)[\s\S])*-->\n)?<plist version="1\.0">/;
  if (!head.test(text)) throw new Error('no property list');
  const tokens = [...text.replace(head, '').matchAll(/<(\/?)(\w+)(\/?)>|([^<]+)/g)];
  let at = 0;

  function next(): RegExpExecArray {
    while (tokens[at]?.[4]?.trim() === '') at += 1;
    const token = tokens[at];
    if (token === undefined) throw new Error('the property list ends too early');
    at += 1;
    return token;
  }
  function end(name: string): void {
    const [whole] = next();
    if (whole !== `</${name}>`) throw new Error(`${whole} instead of </${name}>`);
  }
  function textOf(name: string): string {
    const raw = tokens[at]?.[4] ?? '';
    if (raw !== '') at += 1;
    end(name);
    if (/&(?!(?:amp|lt|gt);)/.test(raw)) throw new Error(`a lone & in ${raw}`);
    return raw.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&');
  }
  function isAtEnd(name: string): boolean {
    const before = at;
    if (next()[0] === `</${name}>`) return true;
    at = before;
    return false;
  }
  function value(): Plist {
    const [whole, , name = '', single] = next();
    if (single === '/' && (name === 'true' || name === 'false')) return name === 'true';
    if (whole !== `<${name}>`) throw new Error(`${whole} where a value should be`);
    if (name === 'string') return textOf(name);
    if (name === 'integer') return Number(textOf(name));
    if (name === 'array') {
      const items: Plist[] = [];
      while (!isAtEnd(name)) items.push(value());
      return items;
    }
    if (name !== 'dict') throw new Error(`unknown element ${name}`);
    return dictionary();
  }
  function dictionary(): { readonly [key: string]: Plist } {
    const entries: [string, Plist][] = [];
    while (!isAtEnd('dict')) {
      if (next()[0] !== '<key>') throw new Error('a value without a key');
      entries.push([textOf('key'), value()]);
    }
    return Object.fromEntries(entries);
  }

  if (next()[0] !== '<dict>') throw new Error('the property list is no dictionary');
  const whole = dictionary();
  end('plist');
  return whole;
}
