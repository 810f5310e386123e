const rfc3339 =
  /^(\d{4})-(\d{2})-(\d{2})[Tt ](\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,9})\d{0,20})?(?:[Zz]|([+\- ])(\d{2}):(\d{2}))$/;
const dateOnly = /^(\d{4})-(\d{2})-(\d{2})$/;
const epochMs = /^\d{1,15}$/;
const instantMsMax = 8.64e15;

/**
 * Milliseconds since 1970 of an RFC 3339 time with any offset, of a plain date (midnight UTC), or of epoch
 * milliseconds; undefined for anything else. Fractions beyond the millisecond are cut.
 */
export function parseInstant(text: string): number | undefined {
  if (text.length > 64) return undefined;
  if (epochMs.test(text)) return withinRange(Number(text));
  const day = dateOnly.exec(text);
  if (day) return utc(day[1]!, day[2]!, day[3]!, '0', '0', '0', 0);
  const match = rfc3339.exec(text);
  if (!match) return undefined;
  const [
    ,
    year,
    month,
    date,
    hour,
    minute,
    second,
    fraction = '',
    sign,
    offsetHour = '0',
    offsetMinute = '0',
  ] = match;
  const localMs = utc(year!, month!, date!, hour!, minute!, second!, Number(`${fraction}000`.slice(0, 3)));
  if (localMs === undefined || Number(offsetHour) > 23 || Number(offsetMinute) > 59) return undefined;
  // A plus sign that was not percent-encoded arrives as a space.
  const direction = sign === '-' ? -1 : 1;
  return withinRange(localMs - direction * (Number(offsetHour) * 60 + Number(offsetMinute)) * 60_000);
}

function utc(
  year: string,
  month: string,
  day: string,
  hour: string,
  minute: string,
  second: string,
  millisecond: number,
): number | undefined {
  // A leap second counts as the last second of its minute.
  const wholeSecond = Math.min(Number(second), second === '60' ? 59 : 60);
  if (Number(hour) > 23 || Number(minute) > 59 || wholeSecond > 59) return undefined;
  const date = new Date(0);
  date.setUTCFullYear(Number(year), Number(month) - 1, Number(day));
  // The thirtieth of February would roll over into March.
  if (date.getUTCMonth() !== Number(month) - 1 || date.getUTCDate() !== Number(day)) return undefined;
  date.setUTCHours(Number(hour), Number(minute), wholeSecond, millisecond);
  return withinRange(date.getTime());
}

function withinRange(ms: number): number | undefined {
  return Number.isFinite(ms) && Math.abs(ms) <= instantMsMax ? ms : undefined;
}
