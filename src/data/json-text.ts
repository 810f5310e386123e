import { randomUUID } from 'node:crypto';

/** JSON that is passed on as the text it is: nothing is rounded, reordered or too deep to be written again. */
export class JsonText {
  readonly text: string;
  /** @param text valid JSON */
  constructor(text: string) {
    this.text = text;
  }
}

// Nobody outside this process can know it, so no value can pretend to be a place holder.
const mark = randomUUID();
const placeHolder = new RegExp(`"${mark}:(\\d+)"`, 'g');

/** The JSON of a value in which any part may be a `JsonText`. */
export function renderJson(value: unknown): string {
  const texts: string[] = [];
  const frame = JSON.stringify(value, (_key, part: unknown) => {
    if (!(part instanceof JsonText)) return part;
    texts.push(part.text);
    return `${mark}:${texts.length - 1}`;
  });
  return texts.length === 0 ? frame : frame.replace(placeHolder, (_whole, index) => texts[Number(index)]!);
}

/** The text as JSON to pass on; undefined when it is not valid JSON. */
export function parseJsonText(text: string): JsonText | undefined {
  try {
    JSON.parse(text);
    return new JsonText(text);
  } catch {
    return undefined;
  }
}
