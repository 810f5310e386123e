import { type JournalEntry, providerSides } from '#exchange';

/**
 * True when the head has every field that is needed, each of its type. A checksum says only that the bytes are those
 * that were written: a core of another version may have meant something else by them. Values that a later core may add
 * to a field are let through; whoever reads the field must expect them.
 */
export function isReadable(entry: JournalEntry): boolean {
  if (!('payload' in entry)) return true;
  const payload: { readonly [field: string]: unknown } = { ...entry.payload };
  return Object.entries(shapes[entry.kind]).every(([field, isRight]) => isRight(payload[field]));
}

type Check = (value: unknown) => boolean;

const isText: Check = (value) => typeof value === 'string';
const isNumber: Check = (value) => Number.isFinite(value);
const isSide: Check = (value) => value === 'request' || value === 'response';
const isProviderSide: Check = (value) => providerSides.some((side) => side === value);
const isTexts: Check = (value) => Array.isArray(value) && value.every(isText);
const isTally: Check = (value) => {
  const { bytes, crc32 } = (value ?? {}) as { readonly [field: string]: unknown };
  return isNumber(bytes) && isNumber(crc32);
};

function maybe(isRight: Check): Check {
  return (value) => value === undefined || isRight(value);
}

type Heads = Extract<JournalEntry, { readonly payload: object }>;
/** Every field is named, so that a new one cannot be forgotten. */
type Shapes = {
  readonly [K in Heads['kind']]: {
    readonly [Field in keyof Required<Extract<Heads, { kind: K }>['payload']>]: Check;
  };
};

const shapes: Shapes = {
  'segment-opened': {
    version: isNumber,
    coreId: isText,
    pid: isNumber,
    startToken: maybe(isText),
    processStartedAtMs: isNumber,
    segmentNumber: isNumber,
  },
  'exchange-opened': {
    receivedAtMs: isNumber,
    method: isText,
    target: isText,
    tag: maybe(isText),
    httpVersion: isText,
    headers: isTexts,
    coreVersion: isText,
  },
  'route-chosen': {
    provider: isText,
    format: isText,
    askedModel: maybe(isText),
    routedModel: maybe(isText),
    agentName: maybe(isText),
    reason: isText,
    upstreamTarget: isText,
    dropped: maybe(isTexts),
  },
  'attempt-started': {
    attempt: isNumber,
    provider: isText,
    origin: isText,
    model: maybe(isText),
    waitMs: maybe(isNumber),
  },
  'attempt-ended': {
    attempt: isNumber,
    result: isText,
    status: maybe(isNumber),
    cause: maybe(isText),
    reason: maybe(isText),
  },
  'response-opened': {
    source: isText,
    status: isNumber,
    statusText: isText,
    httpVersion: isText,
    headers: isTexts,
  },
  'exchange-closed': {
    end: isText,
    problem: maybe(isText),
    cause: maybe(isText),
    requestReceived: isTally,
    requestSent: isTally,
    responseReceived: isTally,
    responseSent: isTally,
    providerRequest: maybe(isTally),
    providerResponse: maybe(isTally),
    requestComplete: (value) => typeof value === 'boolean',
    requestBytesDropped: isNumber,
    responseBytesDropped: isNumber,
    forwardedAtUs: maybe(isNumber),
    firstByteAtUs: maybe(isNumber),
    lastByteAtUs: maybe(isNumber),
    requestTrailers: maybe(isTexts),
    responseTrailers: maybe(isTexts),
  },
  gap: { side: isSide, bytes: isNumber, reason: isText },
  'provider-gap': { side: isProviderSide, bytes: isNumber, reason: isText },
};
