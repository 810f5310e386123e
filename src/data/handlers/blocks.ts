import type { RouteBody, RouteKey } from '#api';
import type { ComparedRow } from '#outline';
import { ApiProblem } from '../api-problem.ts';
import { findExchange } from '../find-exchange.ts';
import type { Handlers } from '../handler.ts';
import { JsonText } from '../json-text.ts';
import type { BlockMedia } from '../query-thread/block-queries.ts';
import type { StoreAccess } from '../store-access.ts';
import { inlineBytesMax } from '../stored-body.ts';
import type { Ask } from '../sum-rows.ts';

type BlockRoute = Extract<RouteKey, `blocks.${string}`>;

/** What browsers may show; anything else comes as a download of no particular kind. */
const shownMediaTypes: ReadonlySet<string> = new Set(['image/png', 'image/jpeg', 'image/gif', 'image/webp']);

/** Bodies by their blocks, so that nobody has to load ten megabytes to read one message. */
export function blockHandlers(access: StoreAccess, ask: Ask): Handlers<BlockRoute> {
  const idOf = async (text: string) => (await access.use((store) => findExchange(store, text))).id;

  return {
    'blocks.outline': async ({ id }) => {
      const requestId = await idOf(id);
      const outline = await ask('blocks.outline', requestId);
      if (outline === undefined) throw new ApiProblem('not-found', 'Request not found');
      return { body: { requestId, blocks: [...outline.blocks], problems: [...outline.problems] } };
    },

    'blocks.one': async ({ id, query, isHead }) => {
      const requestId = await idOf(id);
      const at = query.at;
      if (query.form === 'media') {
        const media = present(await ask('blocks.media', { id: requestId, at }), at);
        if (media === 'no-bytes')
          throw new ApiProblem(
            'bad-parameter',
            'The block holds no bytes of its own: leave out the parameter form.',
          );
        return mediaResponse(media, `${requestId}-${at}`, isHead);
      }
      const { outline, json } = present(await ask('blocks.one', { id: requestId, at }), at);
      const isCut = json === undefined || json.length > inlineBytesMax;
      return { body: { requestId, outline, block: isCut ? null : new JsonText(json), isCut } };
    },

    'blocks.compare': async ({ id, query }) => {
      const requestId = await idOf(id);
      const other = query.with === undefined ? {} : { other: await idOf(query.with) };
      const found = await ask('blocks.compare', { id: requestId, ...other });
      if (found === undefined) throw new ApiProblem('not-found', 'Request not found');
      const { samePrefix, firstDifference, rows } = found.comparison;
      return {
        body: {
          requestId,
          comparedWith: found.before ?? null,
          samePrefix,
          firstDifference: firstDifference ?? null,
          rows: rows.map(rowBody),
          problems: [...found.problems],
        },
      };
    },
  };
}

/** Throws `not-found` for a request or a block that is not there. */
function present<T extends object | 'no-bytes'>(found: T | 'no-block' | undefined, at: string): T {
  if (found === undefined) throw new ApiProblem('not-found', 'Request not found');
  if (found === 'no-block')
    throw new ApiProblem(
      'not-found',
      `There is nothing at ${at}. The outline of the request lists what there is.`,
    );
  return found as T;
}

function rowBody(row: ComparedRow): RouteBody<'blocks.compare'>['rows'][number] {
  if (row.change !== 'same') return row;
  const [before, after] = row.from;
  return { change: 'same', before, after, blocks: row.count, bytes: row.bytes };
}

function mediaResponse({ bytes, mediaType }: BlockMedia, name: string, isHead: boolean): Response {
  const isShown = shownMediaTypes.has(mediaType);
  return new Response(isHead ? null : new Uint8Array(bytes), {
    headers: {
      'content-type': isShown ? mediaType : 'application/octet-stream',
      'content-length': String(bytes.length),
      'content-disposition': `${isShown ? 'inline' : 'attachment'}; filename="${name}"`,
      'content-security-policy': "sandbox; default-src 'none'; frame-ancestors 'none'",
    },
  });
}
