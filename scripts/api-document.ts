import { z } from 'zod';
import { contract, errorBody, parameterCharactersMax, parametersMax, type Route } from '#api';

type JsonSchema = z.core.JSONSchema.JSONSchema;

/** The text of docs/api.md, made from nothing but the contract. */
export function apiDocument(): string {
  const routes = Object.values<Route>(contract);
  const shapes = new Map<string, JsonSchema>();
  const sections = routes.map((route) => routeSection(route, shapes));
  collectShapes(errorBody, shapes);
  return `${[
    ...introduction,
    '## Routes',
    routeTable(routes),
    ...sections,
    '## Shapes',
    'A key marked *optional* is absent when its value is not known.',
    ...[...shapes]
      .sort(([one], [other]) => (one < other ? -1 : 1))
      .map(([name, shape]) => shapeSection(name, shape)),
  ].join('\n\n')}\n`;
}

const introduction = [
  '# HTTP API',
  '<!-- Made from src/api by `npm run docs`; a test fails when it differs. -->',
  'proxy-data answers these routes on its own address (port 3002 unless configured otherwise) and through the front (port 3000). Nothing under `/v1` is served here.',
  [
    '- **Times** in parameters are RFC 3339 with any offset, a date, or milliseconds since 1970. A range includes its start and excludes its end. Times in answers are RFC 3339, UTC, with milliseconds.',
    `- **Parameters** are at most ${parameterCharactersMax} characters long and at most ${parametersMax} in number. Of a repeated one the first counts; an empty one counts as absent; an unknown one is ignored unless the route says otherwise.`,
    '- **Errors** are JSON: `{"error": "a sentence", "code": "bad-parameter"}`. Every route may answer 400 (a parameter or the address is not understood), 401 (the token is missing), 403 (wrong `Host`, a page of another site, another user), 405, 500, and 503 with `Retry-After` while the store cannot be read. An unknown path is 404.',
    '- **Access**: the `Host` must be an address of ours. Where a token is needed, send it as `x-throughline-token`, as `Authorization: Bearer`, or as the cookie `throughline_token`. Pages of other sites may not call, except those of origins listed in `server.cors_origins`. A request that changes something needs `content-type: application/json` or `x-throughline-request: 1`; from a browser it needs the latter.',
    '- `HEAD` works wherever `GET` does. No answer may be cached.',
  ].join('\n'),
];

function routeTable(routes: readonly Route[]): string {
  const rows = routes.map((route) => `| \`${route.method} ${route.path}\` | ${route.summary} |`);
  return ['| route | answers |', '| --- | --- |', ...rows].join('\n');
}

function routeSection(route: Route, shapes: Map<string, JsonSchema>): string {
  return [
    `### ${route.method} ${route.path}`,
    route.summary,
    parameterTable(route),
    answerText(route, shapes),
    statusList(route),
  ]
    .filter((part) => part !== '')
    .join('\n\n');
}

function parameterTable(route: Route): string {
  const parameters = Object.entries<z.ZodType>(route.query.shape);
  if (parameters.length === 0) return '';
  const rows = parameters.map(([name, schema]) => `| \`${name}\` | ${cell(schema.description ?? '')} |`);
  const strict = route.refusesUnknownParameters ? '\n\nAny other parameter is refused.' : '';
  return ['| parameter | meaning |', '| --- | --- |', ...rows].join('\n') + strict;
}

function answerText({ answer }: Route, shapes: Map<string, JsonSchema>): string {
  if (answer.kind === 'text') return `Answers text (\`${answer.contentType}\`).`;
  if (answer.kind === 'bytes') return 'Answers `application/octet-stream` as an attachment.';
  if (answer.kind === 'events') {
    const rows = Object.entries(answer.events).map(([name, schema]) => {
      const shape = collectShapes(schema, shapes);
      return `| \`${name}\` | ${cell(typeText(shape, true))} | ${cell(schema.description ?? '')} |`;
    });
    return [
      'Answers `text/event-stream`.',
      '',
      '| event | data | when |',
      '| --- | --- | --- |',
      ...rows,
    ].join('\n');
  }
  const headers = Object.entries(answer.headers ?? {}).map(([name, meaning]) => `\`${name}\` (${meaning})`);
  const headerText = headers.length > 0 ? ` Headers: ${headers.join(', ')}.` : '';
  return `Answers ${typeText(collectShapes(answer.schema, shapes), true)}.${headerText}`;
}

function statusList({ statuses }: Route): string {
  return Object.entries(statuses)
    .map(([status, meaning]) => `- **${status}**: ${meaning}`)
    .join('\n');
}

/** The schema with references to named shapes; the named ones are added to `shapes`. */
function collectShapes(schema: z.ZodType, shapes: Map<string, JsonSchema>): JsonSchema {
  const json = z.toJSONSchema(schema, { io: 'output', unrepresentable: 'any', reused: 'inline' });
  for (const [name, shape] of Object.entries(json.$defs ?? {})) shapes.set(name, shape);
  if (json.id === undefined) return json;
  shapes.set(json.id, json);
  return { $ref: `#/$defs/${json.id}` };
}

function shapeSection(name: string, shape: JsonSchema): string {
  const required = new Set(shape.required ?? []);
  const rows = Object.entries(shape.properties ?? {}).map(([key, value]) => {
    const property = value as JsonSchema;
    const type = typeText(property, false) + (required.has(key) ? '' : ', *optional*');
    return `| \`${key}\` | ${cell(type)} | ${cell(property.description ?? '')} |`;
  });
  const table = ['| key | type | meaning |', '| --- | --- | --- |', ...rows].join('\n');
  return [`### ${name}`, shape.description ?? '', table].filter((part) => part !== '').join('\n\n');
}

/** A schema in a few words. */
function typeText(schema: JsonSchema, isWhole: boolean): string {
  if (schema.$ref !== undefined) return shapeLink(schema.$ref.split('/').at(-1)!);
  if (schema.allOf?.[0] !== undefined) return typeText(schema.allOf[0] as JsonSchema, isWhole);
  if (schema.anyOf) return schema.anyOf.map((each) => typeText(each as JsonSchema, isWhole)).join(' or ');
  if (schema.enum) return schema.enum.map((value) => `\`${value}\``).join(', ');
  if (schema.const !== undefined) return `\`${schema.const}\``;
  if (schema.type === 'array') return `an array of ${typeText(schema.items as JsonSchema, false)}`;
  if (schema.properties) return objectText(schema.properties as Record<string, JsonSchema>);
  if (schema.type === 'object') return 'object';
  return Array.isArray(schema.type) ? schema.type.join(' or ') : (schema.type ?? 'any JSON');
}

function objectText(properties: Record<string, JsonSchema>): string {
  const keys = Object.entries(properties).map(([key, value]) => `\`${key}\`: ${typeText(value, false)}`);
  return `{ ${keys.join('; ')} }`;
}

function shapeLink(name: string): string {
  return `[${name}](#${name.toLowerCase()})`;
}

/** Text that stays in one cell of a table. */
function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ');
}
