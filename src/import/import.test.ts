import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { HeaderList } from '#exchange';
import { fingerprintHeaders } from '#journal/write';
import { openStore, type Store, type StoredExchange } from '#store';
import { makeTempDir, type TempDir } from '#test-support';
import { importHistory } from './import-history.ts';
import { LegacyDatabase, LegacyDatabaseError } from './legacy-database.ts';

let directory: TempDir;
let store: Store;
const fingerprint = (headers: HeaderList) => fingerprintHeaders(headers, 'k'.repeat(32));

beforeEach(async () => {
  directory = makeTempDir('import');
  store = await openStore({ engine: 'sqlite', path: directory.join('throughline.db') }, { role: 'writer' });
});
afterEach(async () => {
  await store.close();
  directory.remove();
});

const columns = {
  id: 'TEXT PRIMARY KEY',
  timestamp: 'DATETIME DEFAULT CURRENT_TIMESTAMP',
  method: 'TEXT NOT NULL',
  endpoint: 'TEXT NOT NULL',
  headers: 'TEXT NOT NULL',
  body: 'TEXT NOT NULL',
  response: 'TEXT',
  model: 'TEXT',
  original_model: 'TEXT',
  routed_model: 'TEXT',
};
const laterColumns = {
  provider: 'TEXT',
  subagent_name: 'TEXT',
  input_tokens: 'INTEGER DEFAULT 0',
  output_tokens: 'INTEGER DEFAULT 0',
  cache_read_tokens: 'INTEGER DEFAULT 0',
  cache_creation_tokens: 'INTEGER DEFAULT 0',
  response_time_ms: 'INTEGER DEFAULT 0',
  first_byte_time_ms: 'INTEGER DEFAULT 0',
};

type Row = Partial<Record<keyof typeof columns | keyof typeof laterColumns, string | number | null>>;

/** A database as the system before wrote it. */
function legacy(
  rows: readonly Row[],
  schema: Record<string, string> = { ...columns, ...laterColumns },
): string {
  const path = directory.join('requests.db');
  const database = new Database(path);
  database.pragma('journal_mode = WAL');
  const definitions = Object.entries(schema).map(([name, type]) => `${name} ${type}`);
  database.exec(`CREATE TABLE requests (${definitions.join(', ')})`);
  for (const row of rows) {
    const names = Object.keys(row);
    database
      .prepare(`INSERT INTO requests (${names.join(', ')}) VALUES (${names.map(() => '?').join(', ')})`)
      .run(...Object.values(row));
  }
  database.close();
  return path;
}

const question = JSON.stringify({
  model: 'claude-haiku-9',
  stream: true,
  messages: [{ role: 'user', content: 'Which of the two is older?' }],
});

const base = {
  id: '00aa11bb22cc33dd',
  timestamp: '2026-03-01T13:00:05+01:00',
  method: 'POST',
  endpoint: '/v1/messages',
  headers: '{"User-Agent":["claude-cli/2.0.1 (external, cli)"],"X-Api-Key":["sha256:0123"]}',
  body: question,
  model: 'claude-haiku-9',
  original_model: 'claude-haiku-9',
};

const lines = [
  {
    type: 'message_start',
    message: {
      id: 'msg_a',
      model: 'claude-haiku-9',
      usage: { input_tokens: 12, cache_read_input_tokens: 7 },
    },
  },
  {
    type: 'content_block_start',
    index: 0,
    content_block: { type: 'tool_use', id: 'toolu_1', name: 'Grep', input: {} },
  },
  {
    type: 'content_block_delta',
    index: 0,
    delta: { type: 'input_json_delta', partial_json: '{"pattern":"old"}' },
  },
  { type: 'content_block_stop', index: 0 },
  { type: 'message_delta', delta: { stop_reason: 'tool_use' }, usage: { output_tokens: 5 } },
  { type: 'message_stop' },
].map((event) => `data: ${JSON.stringify(event)}`);

const streamed = {
  ...base,
  response: JSON.stringify({
    statusCode: 200,
    headers: { 'Content-Type': ['text/event-stream'], 'Request-Id': ['req_9'], 'Content-Encoding': ['gzip'] },
    body: { content: null, id: 'msg_a', stop_reason: '', type: 'message' },
    streamingChunks: lines,
    isStreaming: true,
    responseTime: 900,
    firstByteTime: 120,
  }),
  response_time_ms: 900,
  first_byte_time_ms: 120,
};

async function imported(path: string, into: Store | 'dry run' = store) {
  const database = new LegacyDatabase(path);
  try {
    let last: Awaited<ReturnType<ReturnType<typeof importHistory>['next']>>['value'];
    for await (const progress of importHistory(database, into === 'dry run' ? undefined : into, {
      fingerprint,
      patienceMs: 1_000,
    }))
      last = progress;
    return last;
  } finally {
    database.close();
  }
}

async function stored(): Promise<readonly StoredExchange[]> {
  return (await store.list({}, { offset: 0, limit: 0 })).exchanges;
}

async function bodyText(exchange: StoredExchange, side: 'request' | 'response'): Promise<string> {
  const pieces: Uint8Array[] = [];
  for await (const piece of (await store.body(exchange.id, side)) ?? []) pieces.push(piece);
  return Buffer.concat(pieces).toString();
}

describe('importing the history of the system before', () => {
  it('understands a streamed answer from its lines, not from the message that was kept of it', async () => {
    await imported(legacy([streamed]));
    const [exchange] = await stored();
    expect(exchange).toMatchObject({
      receivedAtMs: Date.UTC(2026, 2, 1, 12, 0, 5),
      method: 'POST',
      path: '/v1/messages',
      provider: 'anthropic',
      askedModel: 'claude-haiku-9',
      answeredModel: 'claude-haiku-9',
      status: 200,
      outcome: 'complete',
      stopReason: 'tool_use',
      messageId: 'msg_a',
      requestIdHeader: 'req_9',
      isStreaming: true,
      clientVersion: 'claude-cli/2.0.1',
      usage: { inputTokens: 12, outputTokens: 5, cacheReadTokens: 7 },
      toolsCalled: ['Grep'],
      firstByteUs: 120_000,
      lastByteUs: 900_000,
    });
    expect(await bodyText(exchange!, 'request')).toBe(question);
    expect(await bodyText(exchange!, 'response')).toContain(
      'event: message_start\ndata: {"type":"message_start"',
    );
  });

  it('marks what it brings in: nobody can prove that its bytes are those of the wire', async () => {
    await imported(legacy([streamed]));
    const [exchange] = await stored();
    expect(exchange).toMatchObject({ coreId: 'imported', requestUnaltered: false, responseUnaltered: false });
    expect(exchange!.routeReason).toContain('Imported from the history of the system before');
    expect(exchange!.requestBytesMissing + exchange!.responseBytesMissing).toBe(0);
  });

  it('takes the counts that were kept where the answer does not say them, and zero for unknown', async () => {
    const answer = JSON.stringify({ statusCode: 200, headers: {}, body: { type: 'message', content: [] } });
    await imported(legacy([{ ...base, response: answer, input_tokens: 31, output_tokens: 0 }]));
    expect((await stored())[0]!.usage).toEqual({ inputTokens: 31 });
  });

  it('keeps errors with their status and text', async () => {
    const text = '{"type":"error","error":{"type":"overloaded_error","message":"busy"}}';
    const answer = { statusCode: 529, headers: { 'Content-Type': ['application/json'] }, bodyText: text };
    await imported(legacy([{ ...base, response: JSON.stringify(answer) }]));
    const [exchange] = await stored();
    expect(exchange).toMatchObject({ status: 529, outcome: 'complete', errorType: 'overloaded_error' });
    expect(await bodyText(exchange!, 'response')).toBe(text);
  });

  it('keeps a request without an answer as interrupted', async () => {
    await imported(legacy([{ ...base, response: null }]));
    const [exchange] = await stored();
    expect(exchange).toMatchObject({ outcome: 'interrupted', askedModel: 'claude-haiku-9' });
    expect(exchange!.status).toBeUndefined();
  });

  it('tells the asked model from the one it was routed to, and keeps the name of the agent', async () => {
    await imported(
      legacy([
        { ...streamed, routed_model: 'other-model', provider: 'elsewhere', subagent_name: 'reviewer' },
      ]),
    );
    expect((await stored())[0]).toMatchObject({
      askedModel: 'claude-haiku-9',
      routedModel: 'other-model',
      provider: 'elsewhere',
      agentName: 'reviewer',
    });
  });

  it('changes nothing when it is done again', async () => {
    const path = legacy([streamed, { ...base, id: 'ff', response: null }]);
    expect(await imported(path)).toMatchObject({ rows: 2, stored: 2, known: 0 });
    expect(await imported(path)).toMatchObject({ rows: 2, stored: 0, known: 2 });
    expect(await stored()).toHaveLength(2);
  });

  it('stores nothing in a dry run', async () => {
    expect(await imported(legacy([streamed]), 'dry run')).toMatchObject({ rows: 1, stored: 1 });
    const untouched = await openStore(
      { engine: 'sqlite', path: directory.join('throughline.db') },
      { role: 'reader' },
    );
    expect(await untouched.count({})).toBe(0);
    await untouched.close();
  });

  it('leaves no cookie readable, which the system before kept as they were', async () => {
    const headers = '{"Cookie":["session=planted-secret-1"],"X-Auth-Token":["planted-secret-2"]}';
    const answer = { statusCode: 200, headers: { 'Set-Cookie': ['id=planted-secret-3'] }, body: {} };
    await imported(legacy([{ ...base, headers, response: JSON.stringify(answer) }]));
    const text = JSON.stringify(await stored());
    expect(text).not.toContain('planted-secret');
    expect(text).toContain('fp:');
  });

  it('reads a file of an older version, which lacks columns', async () => {
    await imported(legacy([{ ...base, response: null }], columns));
    expect((await stored())[0]).toMatchObject({ provider: 'anthropic', askedModel: 'claude-haiku-9' });
  });

  it('leaves out what it cannot understand, says why, and goes on', async () => {
    const path = legacy([
      { ...base, id: 'one', timestamp: 'some day' },
      { ...base, id: 'two', response: '{"statusCode":' },
      {
        ...base,
        id: 'three',
        headers: 'not json',
        body: 'not json',
        response: '{"statusCode":"x","streamingChunks":[1,null,"data: {"]}',
      },
    ]);
    const result = await imported(path);
    expect(result).toMatchObject({ rows: 3, stored: 1, unreadable: 2 });
    expect(result!.complaints).toEqual([
      'request one: its time is "some day"',
      'request two: its answer is not a JSON object',
    ]);
    expect(await bodyText((await stored())[0]!, 'request')).toBe('not json');
  });

  it('brings in thousands of rows in small commits', async () => {
    const path = legacy(Array.from({ length: 2_005 }, (_, index) => ({ ...streamed, id: `row-${index}` })));
    expect(await imported(path)).toMatchObject({ rows: 2_005, total: 2_005, stored: 2_005 });
    expect(await store.count({})).toBe(2_005);
  });

  it('refuses other files with a sentence', () => {
    const other = directory.join('other.db');
    new Database(other).exec('CREATE TABLE notes (a)').close();
    expect(() => new LegacyDatabase(other)).toThrow(LegacyDatabaseError);
    expect(() => new LegacyDatabase(other)).toThrow('has no table "requests"');
    expect(() => new LegacyDatabase(directory.join('none.db'))).toThrow('cannot be read as a database');
    const strange = legacy([], { id: 'TEXT', method: 'TEXT' });
    expect(() => new LegacyDatabase(strange)).toThrow('has no column timestamp, endpoint');
  });
});
