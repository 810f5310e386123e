import { asArray, asObject, type JsonObject } from '#formats';
import { type DroppedWords, quoted } from './dropped-words.ts';

/** The parts of a `content`, which may be a plain string. */
export function partsOf(content: unknown): readonly JsonObject[] {
  if (typeof content === 'string') return [{ type: 'text', text: content }];
  return asArray(content).map((item) =>
    typeof item === 'string' ? textBlock(item) : (asObject(item) ?? {}),
  );
}

/** Turns parts of a user, or of the result of a tool, into content blocks. Text of nothing but spaces is refused there. */
export function contentBlocksOf(content: unknown, dropped: DroppedWords): readonly JsonObject[] {
  return partsOf(content)
    .map((part) => blockOf(part, dropped))
    .filter(({ type, text }) => type !== 'text' || !isBlank(text));
}

/** The texts of a `content`, with a blank line between them. */
export function textOfContent(content: unknown, dropped: DroppedWords): string {
  const texts = partsOf(content).map((part) => {
    if (part.type === 'text') return stringOf(part.text);
    if (part.type === 'refusal') return stringOf(part.refusal);
    dropped.add(`content of the type ${quoted(part.type)} where only text may stand`);
    return '';
  });
  return texts.filter((text) => !isBlank(text)).join('\n\n');
}

export function textBlock(text: string): JsonObject {
  return { type: 'text', text };
}

function stringOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function isBlank(text: unknown): boolean {
  return typeof text !== 'string' || text.trim() === '';
}

function blockOf(part: JsonObject, dropped: DroppedWords): JsonObject {
  switch (part.type) {
    case 'text':
    case 'input_text':
      return textBlock(stringOf(part.text));
    case 'refusal':
      return textBlock(stringOf(part.refusal));
    case 'image_url':
      return image(part.image_url, dropped);
    case 'file':
      return document(asObject(part.file) ?? {}, dropped);
    case 'input_audio':
      dropped.add('a recording: the model cannot listen');
      return textBlock('[There is a recording here that you cannot hear.]');
    default:
      dropped.add(`content of the type ${quoted(part.type)}`);
      return textBlock('');
  }
}

/** Pictures that Anthropic's models can look at. */
const imageType = /^image\/(?:png|jpeg|gif|webp)$/;

/** What cannot be shown leaves a note at its place: the model shall know that something was there. */
function image(value: unknown, dropped: DroppedWords): JsonObject {
  const { url, detail } = asObject(value) ?? { url: value };
  if (detail === 'low' || detail === 'high') dropped.add(`detail of an image: ${detail}`);
  const data = readDataUrl(url);
  if (data !== undefined) {
    const mediaType = data.mediaType === 'image/jpg' ? 'image/jpeg' : data.mediaType;
    if (imageType.test(mediaType)) {
      return { type: 'image', source: { type: 'base64', media_type: mediaType, data: data.base64 } };
    }
  } else if (typeof url === 'string' && /^https:\/\//i.test(url)) {
    return { type: 'image', source: { type: 'url', url } };
  }
  dropped.add('an image that is no PNG, JPEG, GIF or WebP in a data URL, and has no https address');
  return textBlock('[There is an image here that could not be passed on.]');
}

function document({ filename, file_data: data }: JsonObject, dropped: DroppedWords): JsonObject {
  const title = typeof filename === 'string' && filename !== '' ? { title: filename.slice(0, 500) } : {};
  const file = readDataUrl(data);
  if (file?.mediaType === 'application/pdf') {
    const source = { type: 'base64', media_type: file.mediaType, data: file.base64 };
    return { type: 'document', source, ...title };
  }
  if (file?.mediaType.startsWith('text/')) {
    const text = Buffer.from(file.base64, 'base64').toString();
    return { type: 'document', source: { type: 'text', media_type: 'text/plain', data: text }, ...title };
  }
  dropped.add('a file: only PDF and text can be passed on, as a data URL');
  return textBlock(`[There is a file here that you cannot be shown: ${title.title ?? 'untitled'}]`);
}

interface DataUrl {
  readonly mediaType: string;
  readonly base64: string;
}

/** By hand: a pattern over the whole of a picture would be slow. */
function readDataUrl(url: unknown): DataUrl | undefined {
  if (typeof url !== 'string' || !/^data:/i.test(url.slice(0, 5))) return undefined;
  const comma = url.slice(0, 256).indexOf(',');
  const [mediaType, ...parameters] = url.slice(5, Math.max(5, comma)).toLowerCase().split(';');
  if (comma < 0 || mediaType === undefined || parameters.at(-1) !== 'base64') return undefined;
  return { mediaType, base64: url.slice(comma + 1) };
}
