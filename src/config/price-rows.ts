import type { PriceRow } from './resolved-config.ts';
import type { Reader, Reading, WrongEntry } from './setting.ts';
import { text } from './setting-readers.ts';

const rowsMax = 1_000;
const rates = ['input', 'output', 'cache_read', 'cache_write_5m', 'cache_write_1h'] as const;
type RateName = (typeof rates)[number];
type Rates = Partial<Record<RateName, number>>;

const rowKeys: readonly string[] = ['model', 'provider', 'from', ...rates, 'long_context'];
const longKeys: readonly string[] = ['above', ...rates];
/** More for a million tokens is a slip of the pen. */
const dollarsMax = 100_000;

/** Prices of models, in US dollars for a million tokens. */
export const priceRows: Reader<readonly PriceRow[]> = (written) => {
  if (!Array.isArray(written)) return { wrong: 'is not a list of prices' };
  if (written.length > rowsMax) return { wrong: `has more than ${rowsMax} entries` };
  const value: PriceRow[] = [];
  const entries: WrongEntry[] = [];
  for (const [index, row] of written.entries()) {
    const reading = readRow(row);
    if ('value' in reading) value.push(reading.value);
    else entries.push({ index, ...reading });
  }
  return entries.length === 0 ? { value } : { wrong: 'has prices that are wrong', entries };
};

function readRow(written: unknown): Reading<PriceRow> {
  if (!isObject(written))
    return { wrong: 'is not a price', fix: 'Write: { model: …, input: 3, output: 15 }.' };
  const stranger = Object.keys(written).find((key) => !rowKeys.includes(key));
  if (stranger !== undefined)
    return { wrong: `has the unknown key ${shown(stranger)}`, fix: `There are: ${rowKeys.join(', ')}.` };
  const model = text(written.model);
  if ('wrong' in model) return { ...model, wrong: `has a model that ${model.wrong}` };
  const provider = written.provider === undefined ? undefined : text(written.provider);
  if (provider !== undefined && 'wrong' in provider)
    return { ...provider, wrong: `has a provider that ${provider.wrong}` };
  const fromMs = written.from === undefined ? 0 : dayOf(written.from);
  if (fromMs === undefined)
    return {
      wrong: `has a from that is no date: ${shown(written.from)}`,
      fix: 'Write for example 2026-05-01.',
    };
  const base = readRates(written);
  if ('wrong' in base) return base;
  const { input, output, ...others } = base.value;
  if (input === undefined || output === undefined)
    return { wrong: 'needs input and output, in US dollars for a million tokens' };
  const long = readLongContext(written.long_context);
  if ('wrong' in long) return long;
  return {
    value: {
      model: model.value,
      ...(provider === undefined ? {} : { provider: provider.value }),
      fromMs,
      rates: { input, output, ...others },
      ...(long.value === undefined ? {} : { longContext: long.value }),
    },
  };
}

function readLongContext(written: unknown): Reading<PriceRow['longContext']> {
  if (written === undefined) return { value: undefined };
  const isKnown = isObject(written) && Object.keys(written).every((key) => longKeys.includes(key));
  if (!isKnown)
    return {
      wrong: 'has a long_context with other keys than it may have',
      fix: `There are: ${longKeys.join(', ')}.`,
    };
  const { above } = written;
  if (typeof above !== 'number' || !Number.isSafeInteger(above) || above < 1)
    return {
      wrong: 'has a long_context whose above is not a number of tokens',
      fix: 'Write for example above: 200000.',
    };
  const read = readRates(written);
  return 'wrong' in read ? read : { value: { above, rates: read.value } };
}

function readRates(written: Readonly<Record<string, unknown>>): Reading<Rates> {
  const read: { [Name in RateName]?: number } = {};
  for (const name of rates) {
    const rate = written[name];
    if (rate === undefined) continue;
    if (typeof rate !== 'number' || !(rate >= 0 && rate <= dollarsMax))
      return { wrong: `has a price for ${name} that is not a number of US dollars: ${shown(rate)}` };
    read[name] = rate;
  }
  return { value: read };
}

/** The beginning of a UTC day. */
function dayOf(written: unknown): number | undefined {
  const match = typeof written === 'string' && /^\d{4}-\d{2}-\d{2}$/.exec(written);
  if (!match) return undefined;
  const atMs = Date.parse(`${match[0]}T00:00:00Z`);
  // A day that is not in its month becomes one of the next.
  return !Number.isNaN(atMs) && new Date(atMs).toISOString().startsWith(match[0]) ? atMs : undefined;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function shown(written: unknown): string {
  return (JSON.stringify(written) ?? 'nothing').slice(0, 60);
}
