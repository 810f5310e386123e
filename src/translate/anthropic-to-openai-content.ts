import { asArray, asObject, type JsonObject } from '#formats';
import type { ModelCapabilities } from './capabilities.ts';
import { type DroppedWords, quoted } from './dropped-words.ts';

/** Content as a chat completion has it. */
export type ContentPart =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'image_url'; readonly image_url: { readonly url: string } }
  | { readonly type: 'file'; readonly file: { readonly filename: string; readonly file_data: string } };

export interface ContentOptions {
  readonly capabilities: ModelCapabilities;
  readonly dropped: DroppedWords;
}

/** Turns content blocks of a user, or of the result of a tool, into parts. Empty text is no part. */
export function contentParts(blocks: readonly JsonObject[], options: ContentOptions): readonly ContentPart[] {
  return blocks
    .flatMap((block) => partsOf(block, options))
    .filter((part) => part.type !== 'text' || part.text !== '');
}

/** Documents and search results hold text and images only, so there is no depth to get lost in. */
function innerParts(content: unknown, options: ContentOptions): readonly ContentPart[] {
  return blocksOf(content).flatMap((block) => {
    if (block.type === 'text')
      return typeof block.text === 'string' && block.text !== '' ? [text(block.text)] : [];
    if (block.type === 'image') return [image(asObject(block.source) ?? {}, options)];
    options.dropped.add(`content of the type ${quoted(block.type)} inside of a document`);
    return [];
  });
}

/**
 * Parts as the content of a message: one string where there is only text, because every provider takes a string and
 * many take nothing else.
 */
export function messageContent(parts: readonly ContentPart[]): string | readonly ContentPart[] {
  return parts.every((part) => part.type === 'text') ? textOf(parts) : parts;
}

/** The texts among the parts, with a blank line between them. */
export function textOf(parts: readonly ContentPart[]): string {
  return parts.flatMap((part) => (part.type === 'text' ? [part.text] : [])).join('\n\n');
}

/** The blocks of a `content`, which may be a plain string. */
export function blocksOf(content: unknown): readonly JsonObject[] {
  if (typeof content === 'string') return [{ type: 'text', text: content }];
  return asArray(content).map((item) => asObject(item) ?? {});
}

function partsOf(block: JsonObject, options: ContentOptions): readonly ContentPart[] {
  switch (block.type) {
    case 'text':
      return [text(block.text)];
    case 'image':
      return [image(asObject(block.source) ?? {}, options)];
    case 'document':
      return document(block, options);
    case 'search_result':
      return [text(`${heading(block.title, block.source)}${textOf(innerParts(block.content, options))}`)];
    case 'tool_reference':
      return [text(`The tool ${quoted(block.tool_name)} can be called from now on.`)];
    default:
      options.dropped.add(`content of the type ${quoted(block.type)}`);
      return [];
  }
}

function text(value: unknown): ContentPart {
  return { type: 'text', text: typeof value === 'string' ? value : '' };
}

function heading(...lines: readonly unknown[]): string {
  return lines.map((line) => (typeof line === 'string' && line !== '' ? `${line}\n` : '')).join('');
}

/** What cannot be shown leaves a note at its place: the model shall know that something was there. */
function image(source: JsonObject, { capabilities, dropped }: ContentOptions): ContentPart {
  if (!capabilities.images) {
    dropped.add('an image: the model takes none');
    return text('[There is an image here that you cannot be shown.]');
  }
  const url = source.type === 'url' ? source.url : dataUrl(source, /^image\/[\w.+-]+$/);
  if (typeof url === 'string' && url !== '') return { type: 'image_url', image_url: { url } };
  dropped.add(`an image whose source is ${quoted(source.type)}`);
  return text('[There is an image here that could not be passed on.]');
}

function dataUrl({ type, media_type: mediaType, data }: JsonObject, accepted: RegExp): string | undefined {
  if (type !== 'base64' || typeof mediaType !== 'string' || typeof data !== 'string') return undefined;
  return accepted.test(mediaType) ? `data:${mediaType};base64,${data}` : undefined;
}

function document(block: JsonObject, options: ContentOptions): readonly ContentPart[] {
  const source = asObject(block.source) ?? {};
  const title = typeof block.title === 'string' && block.title !== '' ? block.title : undefined;
  if (source.type === 'text' && typeof source.data === 'string') return [textDocument(block, source.data)];
  if (source.type === 'content') {
    const parts = innerParts(source.content, options);
    return [textDocument(block, textOf(parts)), ...parts.filter(({ type }) => type !== 'text')];
  }
  const file = dataUrl(source, /^application\/pdf$/);
  if (options.capabilities.documents && file !== undefined) {
    return [{ type: 'file', file: { filename: title ?? 'document.pdf', file_data: file } }];
  }
  const reason = file === undefined ? `its source is ${quoted(source.type)}` : 'the model takes none';
  options.dropped.add(`a document: ${reason}`);
  return [text(`[There is a document here that you cannot be shown: ${title ?? 'untitled'}]`)];
}

function textDocument({ title, context }: JsonObject, body: string): ContentPart {
  return text(`<document>\n${heading(title, context)}${body}\n</document>`);
}
