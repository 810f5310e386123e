/**
 * Header fields as they stood on the wire: name, value, name, value … in order, in the case that was sent,
 * repeats kept. One character per byte (latin1), the shape of Node's `rawHeaders`.
 */
export type HeaderList = readonly string[];

/** The first value of a field, names compared without case; undefined when the field is absent. */
export function headerValue(headers: HeaderList, name: string): string | undefined {
  const wanted = name.toLowerCase();
  for (let i = 0; i + 1 < headers.length; i += 2) {
    if (headers[i]!.toLowerCase() === wanted) return headers[i + 1];
  }
  return undefined;
}

/** Every value of a field in order, names compared without case. */
export function headerValues(headers: HeaderList, name: string): string[] {
  const wanted = name.toLowerCase();
  const values: string[] = [];
  for (let i = 0; i + 1 < headers.length; i += 2) {
    if (headers[i]!.toLowerCase() === wanted) values.push(headers[i + 1]!);
  }
  return values;
}
