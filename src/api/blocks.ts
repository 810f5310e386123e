import { z } from 'zod';
import type { Route } from './route.ts';

const unknownId = 'No request has this id, or no such block.';

/** What stands at one place of a request or an answer. */
export const outlineBlock = z
  .strictObject({
    at: z
      .string()
      .describe('Where: `t3` a tool, `s0` a system block, `m12.b3` of a message, `a0.b1` of the answer.'),
    part: z.enum(['tools', 'system', 'messages', 'answer']),
    role: z.string().optional(),
    type: z.string().describe('As the format calls it: `text`, `thinking`, `tool_use` …'),
    name: z.string().optional().describe('Of the tool.'),
    toolUseId: z.string().optional().describe('By which a call and its result belong together.'),
    isError: z.literal(true).optional(),
    mediaType: z.string().optional(),
    isCacheBreak: z.literal(true).optional().describe('The client asked to cache everything up to here.'),
    bytes: z.number().describe('Of its JSON in the shortest form.'),
    hash: z.string().describe('Equal for blocks that mean the same to a model.'),
    preview: z.string().describe('The beginning of its text.'),
  })
  .meta({ id: 'OutlineBlock' });

const problems = z.array(z.string()).describe('Why blocks are missing; empty when none are.');

export const blockRoutes = {
  'blocks.outline': {
    method: 'GET',
    path: '/api/v2/requests/{id}/outline',
    summary:
      'What a request and its answer consist of, block by block in the order in which a model reads them.',
    query: z.object({}),
    answer: {
      kind: 'json',
      schema: z.strictObject({ requestId: z.string(), blocks: z.array(outlineBlock), problems }),
    },
    statuses: { 404: unknownId },
  },
  'blocks.one': {
    method: 'GET',
    path: '/api/v2/requests/{id}/block',
    summary: 'One block with its content.',
    query: z.object({
      at: z
        .string()
        .regex(/^(?:[ts]\d{1,7}|[ma]\d{1,7}\.b\d{1,7})$/, 'is not a place such as `m12.b3`')
        .describe('A place as the outline has it, such as `m12.b3`.'),
      form: z
        .enum(['json', 'media'])
        .optional()
        .describe('`media` gives the bytes of an image or a document instead.'),
    }),
    answer: {
      kind: 'json',
      schema: z.strictObject({
        requestId: z.string(),
        outline: outlineBlock,
        block: z
          .unknown()
          .describe('As it stands in the body; null when it is larger than 8 MiB or nested too deep.'),
        isCut: z.boolean().describe('True when `block` is null although there is something.'),
      }),
    },
    statuses: {
      400: '`at` is missing or is no place, or the block holds no bytes of its own.',
      404: unknownId,
    },
  },
  'blocks.compare': {
    method: 'GET',
    path: '/api/v2/requests/{id}/compare',
    summary:
      'What changed from another request to this one, block by block. Without `with`: from the one before it by the same agent to the same model, which says where its cache ended.',
    query: z.object({ with: z.string().optional().describe('Id of the request to compare with.') }),
    answer: {
      kind: 'json',
      schema: z.strictObject({
        requestId: z.string(),
        comparedWith: z.string().nullable().describe('Null when it is the first: then everything was added.'),
        samePrefix: z
          .strictObject({ blocks: z.number(), bytes: z.number() })
          .describe('What is equal at the beginning, so what a cache can have.'),
        firstDifference: z
          .strictObject({
            part: z.enum(['tools', 'system', 'messages', 'answer']),
            before: z.string(),
            after: z.string(),
          })
          .nullable()
          .describe('Null when one is the beginning of the other.'),
        rows: z.array(
          z.discriminatedUnion('change', [
            z.strictObject({
              change: z.literal('same'),
              before: z.string().describe('The first of them in the other request.'),
              after: z.string(),
              blocks: z.number(),
              bytes: z.number(),
            }),
            z.strictObject({ change: z.literal('removed'), before: outlineBlock }),
            z.strictObject({ change: z.literal('added'), after: outlineBlock }),
            z.strictObject({
              change: z.literal('changed'),
              before: outlineBlock,
              after: outlineBlock,
            }),
          ]),
        ),
        problems,
      }),
    },
    statuses: { 404: 'No request has this id.' },
  },
} as const satisfies Record<string, Route>;
