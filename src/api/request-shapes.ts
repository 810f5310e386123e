import { z } from 'zod';
import { exchangeOutcomes } from '#exchange';

const instantText = z.string().describe('RFC 3339, UTC, with milliseconds.');
const milliseconds = z.number();

/** The token counts that older clients read. */
export const anthropicUsage = z
  .strictObject({
    input_tokens: z.number(),
    output_tokens: z.number(),
    cache_creation_input_tokens: z.number().optional(),
    cache_read_input_tokens: z.number().optional(),
    service_tier: z.string().optional(),
  })
  .meta({ id: 'AnthropicUsage' });

const usageDetails = z
  .strictObject({
    inputTokens: z.number().optional(),
    outputTokens: z.number().optional(),
    cacheReadTokens: z.number().optional(),
    cacheWriteTokens: z.number().optional().describe('All cache writes; the next two are parts of it.'),
    cacheWrite5mTokens: z.number().optional(),
    cacheWrite1hTokens: z.number().optional(),
    thinkingTokens: z.number().optional(),
    serverToolRequests: z.number().optional(),
    serviceTier: z.string().optional(),
  })
  .meta({
    id: 'UsageDetails',
    description: 'Every count the provider gave; an absent one is unknown, not zero.',
  });

const outcome = z.enum(exchangeOutcomes);

/** What a list row and the detail of a request have in common. */
const requestFacts = {
  requestId: z.string().describe('32 hex characters, ordered by time.'),
  timestamp: instantText,
  method: z.string(),
  endpoint: z.string().describe('Path without query and tag.'),
  model: z.string().optional().describe('The model the client asked for.'),
  originalModel: z.string().optional().describe('The same.'),
  routedModel: z.string().optional().describe('The model we sent.'),
  answeredModel: z.string().optional().describe('The model the provider says it used.'),
  provider: z.string().optional(),
  subagentName: z.string().optional(),
  toolsUsed: z.array(z.string()).optional().describe('Tools the request declares.'),
  toolCallCount: z.number().optional().describe('Tool calls in the answer.'),
  outcome,
  isStreaming: z.boolean(),
  tag: z.string().optional(),
  sessionId: z.string().optional(),
  agentId: z.string().optional(),
  parentAgentId: z.string().optional(),
  requestClass: z.string().optional(),
  clientVersion: z.string().optional(),
  stopReason: z.string().optional(),
  errorType: z.string().optional().describe("The provider's error type, also of an error in mid-stream."),
  problem: z
    .string()
    .optional()
    .describe('Our own problem code, when the answer or the lack of one was ours.'),
  usage: anthropicUsage.optional().describe('Absent when the provider gave no counts.'),
  requestBytes: z.number(),
  responseBytes: z.number(),
  sequence: z.number().describe('Place in the order of storing.'),
};

export const requestSummary = z
  .strictObject({
    ...requestFacts,
    statusCode: z.number().optional().describe('Absent when the client received no answer.'),
    responseTime: milliseconds.optional().describe('Milliseconds to the last byte.'),
    firstByteTime: milliseconds.optional().describe('Milliseconds to the first byte.'),
  })
  .meta({ id: 'RequestSummary' });
export type RequestSummary = z.output<typeof requestSummary>;

/** The same with its price. */
export const pricedRequest = z.strictObject({
  ...requestSummary.shape,
  costUsd: z.number().nullable().describe('US dollars; null when its price is unknown.'),
});

const headers = z
  .record(z.string(), z.array(z.string()))
  .describe('Canonical name → values; secrets fingerprinted.');
const json = z.unknown();
const truncated = z.literal(true).optional().describe('Larger than 8 MiB: fetch `bodyUrl` instead.');
const bodyUrl = z.string().describe('Where the exact bytes are.');
const bodyProblem = z.string().optional().describe('Why the body cannot be shown as text.');

const responseLog = z
  .strictObject({
    statusCode: z.number(),
    headers,
    body: json.optional().describe('Parsed JSON; for a stream the message it adds up to.'),
    bodyText: z.string().optional().describe('Text of a body that is not JSON or of an error.'),
    bodyTruncated: truncated,
    bodyUrl,
    bodyProblem,
    responseTime: milliseconds,
    firstByteTime: milliseconds.optional(),
    streamingChunks: z.array(z.string()).optional().describe('The `data:` lines of a stream.'),
    isStreaming: z.boolean(),
    completedAt: instantText,
    toolCallCount: z.number().optional(),
  })
  .meta({ id: 'ResponseLog' });

const attempt = z
  .strictObject({
    attempt: z.number(),
    provider: z.string(),
    origin: z.string(),
    model: z.string().optional().describe('The model it asked for, when core looked at the body.'),
    waitMs: z.number().optional().describe('How long it was held back on purpose after the one before it.'),
    result: z.enum(['answered', 'refused', 'timed-out', 'unreachable', 'abandoned']),
    status: z.number().optional(),
    cause: z.string().optional(),
    reason: z.string().optional().describe('What was decided about it or after it.'),
    startedUs: z.number(),
    endedUs: z.number().optional(),
  })
  .meta({ id: 'Attempt' });

const timings = z
  .strictObject({
    forwardedUs: z.number().optional(),
    firstByteUs: z.number().optional(),
    firstTokenUs: z.number().optional(),
    lastByteUs: z.number().optional(),
    closedUs: z.number().optional(),
    addedUs: z.number().optional().describe('The part of the time to the first byte that was ours.'),
  })
  .meta({ id: 'Timings', description: 'Microseconds after the request was accepted.' });

const providerBody = z
  .strictObject({
    bytes: z.number(),
    bytesMissing: z.number().describe('Bytes that the stored body lacks.'),
    sha256: z.string().describe('SHA-256 of the body as stored.'),
    isProven: z.boolean().describe('True when what passed and what is stored have equal checksums.'),
    bodyUrl,
  })
  .meta({ id: 'ProviderBody' });

const bothSides = (value: z.ZodType, id: string, description: string) =>
  z.strictObject({ request: value, response: value }).meta({ id, description });

export const requestLog = z
  .strictObject({
    ...requestFacts,
    headers,
    headerList: z.array(z.string()).describe('The same as on the wire: name, value, name, value …'),
    body: json.describe('Parsed JSON; null when the body is empty or not JSON.'),
    bodyText: z.string().optional().describe('Text of a body that is not JSON.'),
    bodyTruncated: truncated,
    bodyUrl,
    bodyProblem,
    userAgent: z.string(),
    contentType: z.string(),
    query: z.string(),
    response: responseLog.optional().describe('Absent when the client received no answer.'),
    responseHeaderList: z.array(z.string()),
    responseTrailers: z.array(z.string()).optional(),
    toolsCalled: z.array(z.string()),
    usageDetails,
    timings,
    sha256: bothSides(z.string(), 'Hashes', 'SHA-256 of each body as stored.'),
    unaltered: bothSides(
      z.boolean(),
      'Unaltered',
      'True when what was received, what was sent and what is stored have equal checksums.',
    ),
    bytesMissing: bothSides(z.number(), 'BytesMissing', 'Bytes that the stored body lacks.'),
    bodiesPrunedAt: z
      .string()
      .optional()
      .describe('When the bodies were deleted, while everything else was kept; absent while they are there.'),
    routeReason: z.string().optional(),
    upstreamTarget: z.string().optional(),
    errorMessage: z.string().optional(),
    cause: z.string().optional(),
    format: z.enum(['anthropic', 'openai']).optional(),
    promptId: z.string().optional(),
    clientRequestId: z.string().optional(),
    upstreamRequestId: z.string().optional(),
    messageId: z.string().optional(),
    providerRequest: providerBody
      .optional()
      .describe('What the provider was sent last, when that is not what the client said.'),
    providerResponse: providerBody
      .optional()
      .describe('What it answered, byte for byte, when the client got it in other words.'),
    attempts: z.array(attempt),
    dropped: z.array(z.string()).describe('What a translation could not carry.'),
    coreId: z.string(),
    coreVersion: z.string(),
  })
  .meta({ id: 'RequestLog' });
export type RequestLog = z.output<typeof requestLog>;

export const openRequest = z
  .strictObject({
    requestId: z.string(),
    timestamp: instantText,
    method: z.string(),
    endpoint: z.string(),
    tag: z.string().optional(),
    provider: z.string().optional(),
    sessionId: z.string().optional(),
    agentId: z.string().optional(),
    statusCode: z.number().optional(),
    requestBytes: z.number(),
    responseBytes: z.number(),
    coreId: z.string(),
  })
  .meta({ id: 'OpenRequest' });
export type OpenRequest = z.output<typeof openRequest>;
