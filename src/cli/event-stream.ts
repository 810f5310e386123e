export interface StreamEvent {
  readonly event: string;
  readonly data: string;
  /** The last id that was seen, as it is sent back after a break. */
  readonly id: string | undefined;
}

const lineCharactersMax = 8 * 1024 * 1024;

/** Reads server-sent events of proxy-data. Feed it text in any slices; it returns the events that became whole. */
export function createEventReader(): { feed(text: string): StreamEvent[] } {
  let rest = '';
  let event = '';
  let data: string[] = [];
  let id: string | undefined;
  const take = (line: string): StreamEvent | undefined => {
    if (line === '') {
      const whole = data.length > 0 ? { event: event || 'message', data: data.join('\n'), id } : undefined;
      event = '';
      data = [];
      return whole;
    }
    const colon = line.indexOf(':');
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + (line[colon + 1] === ' ' ? 2 : 1));
    if (name === 'event') event = value;
    else if (name === 'data') data.push(value);
    else if (name === 'id') id = value;
    return undefined;
  };
  return {
    feed(text) {
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      if (rest.length > lineCharactersMax) throw new RangeError('an event of proxy-data is too large');
      return lines.flatMap((line) => take(line.endsWith('\r') ? line.slice(0, -1) : line) ?? []);
    },
  };
}
