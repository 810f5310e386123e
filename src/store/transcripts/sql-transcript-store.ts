import { packQuickly, unpack } from '../packing.ts';
import type { SqlEngine, SqlSession } from '../sql-engine.ts';
import { StoreError } from '../store.ts';
import { cutLines, cutRuns } from './cut-lines.ts';
import {
  type ArchivedDocument,
  type ArchivedFile,
  type ArchivedLine,
  type ArchivedPiece,
  type FileBatch,
  linesPerPiece,
  pieceOf,
  type TranscriptStore,
} from './transcript-store.ts';

/** Enough for the packer to see what lines have in common, little enough to take one line out of it quickly. */
const pieceBytes = 128 * 1024;

interface PieceRow {
  readonly id: number;
  readonly file_id: number;
  readonly byte_count: number;
  readonly packed: Uint8Array;
}

const fileColumns = `id, change, kind, root, path, identity, read_to AS readTo, head_hash AS headHash,
  tail_hash AS tailHash, seen, lines, too_long AS tooLong, modified_at_ms AS modifiedAtMs, gone_at_ms AS goneAtMs,
  replaced_at_ms AS replacedAtMs`;
const pieceColumns = 'id, file_id, byte_count, packed';

/** The archive over any SQL engine. */
// The tables are reached by statements that are known when the program is written, so their rows need no types here.
export function createTranscriptStore(engine: SqlEngine<unknown>): TranscriptStore {
  async function pieces(
    statement: string,
    parameters: readonly (string | number)[],
  ): Promise<ArchivedPiece[]> {
    const rows = await engine.all<PieceRow>(statement, parameters);
    return rows.map((row) => openPiece(row, engine.location));
  }

  return {
    files: () =>
      engine.all<ArchivedFile>(`SELECT ${fileColumns} FROM files WHERE replaced_at_ms IS NULL`, []),
    async file(id) {
      const [file] = await engine.all<ArchivedFile>(`SELECT ${fileColumns} FROM files WHERE id = ?`, [id]);
      return file;
    },
    filesAfter: (change, limit) =>
      engine.all<ArchivedFile>(`SELECT ${fileColumns} FROM files WHERE change > ? ORDER BY change LIMIT ?`, [
        change,
        limit,
      ]),
    async append(batches) {
      // Packing takes most of the time, and nobody needs to wait for the lock meanwhile.
      const packed = batches.map((batch) => ({ batch, runs: packRuns(batch.bytes) }));
      const ids = await engine.write(async (session) => {
        const written: number[] = [];
        for (const { batch, runs } of packed) written.push(await putBatch(session, batch, runs));
        return written;
      });
      engine.tidy();
      return ids;
    },
    noteGone: (id, nowMs) => noteFile(engine, id, 'gone_at_ms = ?', [nowMs], 'gone_at_ms IS NULL'),
    noteReplaced: (id, nowMs) =>
      noteFile(engine, id, 'replaced_at_ms = ?', [nowMs], 'replaced_at_ms IS NULL'),
    async noteMoved(id, { root, path }, nowMs) {
      await engine.write(async (session) => {
        await session.run(
          'UPDATE files SET replaced_at_ms = ?, change = ? WHERE root = ? AND path = ? AND id <> ? AND replaced_at_ms IS NULL',
          [nowMs, await nextChange(session), root, path, id],
        );
        await session.run('UPDATE files SET root = ?, path = ?, gone_at_ms = NULL, change = ? WHERE id = ?', [
          root,
          path,
          await nextChange(session),
          id,
        ]);
      });
      engine.tidy();
    },
    async forget(ids) {
      for (const id of ids) {
        // A file may have thousands of pieces: the lock is given back between some of them.
        while ((await engine.write((session) => forgetPieces(session, id))) > 0);
        // The row stays, so that whoever derives from the file hears that it is gone.
        await engine.write(async (session) => {
          const [file] = await session.all<{ lines: number }>('SELECT lines FROM files WHERE id = ?', [id]);
          await count(session, 0, -(file?.lines ?? 0));
          await session.run(
            "UPDATE files SET path = '', lines = 0, replaced_at_ms = 0, change = ? WHERE id = ?",
            [await nextChange(session), id],
          );
        });
      }
      while (await engine.reclaim());
      engine.tidy();
    },
    async putDocument({ root, path, content, modifiedAtMs }) {
      await engine.write(async (session) => {
        const [known] = await session.all<{ content: string }>(
          'SELECT content FROM documents WHERE root = ? AND path = ?',
          [root, path],
        );
        if (known?.content === content) return;
        await session.run(
          'INSERT OR REPLACE INTO documents (root, path, change, content, modified_at_ms) VALUES (?, ?, ?, ?, ?)',
          [root, path, await nextChange(session), content, Math.trunc(modifiedAtMs)],
        );
      });
      engine.tidy();
    },
    documentsAfter: (change, limit) =>
      engine.all<ArchivedDocument>(
        'SELECT root, path, change, content, modified_at_ms AS modifiedAtMs FROM documents WHERE change > ? ORDER BY change LIMIT ?',
        [change, limit],
      ),
    async forgetDocument({ root, path }) {
      await engine.write(async (session) => {
        await session.run('DELETE FROM documents WHERE root = ? AND path = ?', [root, path]);
        // One row without a name, so that whoever derives from documents hears that one is gone.
        await session.run(
          "INSERT OR REPLACE INTO documents (root, path, change, content, modified_at_ms) VALUES ('', '', ?, '', 0)",
          [await nextChange(session)],
        );
      });
      engine.tidy();
    },
    async piecesAmong(ids) {
      const rows = await engine.all<{ id: number }>(
        'SELECT id FROM pieces WHERE id IN (SELECT value FROM json_each(?))',
        [JSON.stringify(ids)],
      );
      return rows.map(({ id }) => id);
    },
    async piecesAfter(pieceId, bytesMax) {
      const sizes = await engine.all<{ id: number; byte_count: number }>(
        'SELECT id, byte_count FROM pieces WHERE id > ? ORDER BY id LIMIT 256',
        [pieceId],
      );
      let last = sizes[0]?.id;
      if (last === undefined) return [];
      let bytes = 0;
      for (const size of sizes) {
        bytes += size.byte_count;
        if (bytes > bytesMax) break;
        last = size.id;
      }
      return pieces(`SELECT ${pieceColumns} FROM pieces WHERE id > ? AND id <= ? ORDER BY id`, [
        pieceId,
        last,
      ]);
    },
    async lines(entryIds) {
      const wanted = new Set(entryIds);
      const found = new Map<number, ArchivedLine>();
      for (const id of new Set(entryIds.map(pieceOf))) {
        const [piece] = await pieces(`SELECT ${pieceColumns} FROM pieces WHERE id = ?`, [id]);
        for (const line of piece?.lines ?? []) if (wanted.has(line.entryId)) found.set(line.entryId, line);
      }
      return entryIds.map((id) => found.get(id)).filter((line) => line !== undefined);
    },
    async linesOf(fileId, { afterEntry, limit }) {
      const lines: ArchivedLine[] = [];
      let from = pieceOf(afterEntry);
      while (lines.length < limit) {
        const [piece] = await pieces(
          `SELECT ${pieceColumns} FROM pieces WHERE file_id = ? AND id >= ? ORDER BY id LIMIT 1`,
          [fileId, from],
        );
        if (piece === undefined) break;
        lines.push(...piece.lines.filter(({ entryId }) => entryId > afterEntry));
        from = piece.id + 1;
      }
      return lines.slice(0, limit);
    },
    async counts() {
      const rows = await engine.all<{ name: string; value: number }>('SELECT name, value FROM counters', []);
      const [files] = await engine.all<{ count: number }>('SELECT count(*) AS count FROM files', []);
      const [last] = await engine.all<{ id: number | null }>('SELECT max(id) AS id FROM pieces', []);
      const value = (name: string) => rows.find((row) => row.name === name)?.value ?? 0;
      return {
        files: files?.count ?? 0,
        bytes: value('bytes'),
        lines: value('lines'),
        lastPiece: last?.id ?? 0,
      };
    },
    sizeBytes: () => engine.sizeBytes(),
    close: () => engine.close(),
  };
}

interface PackedRun {
  readonly start: number;
  readonly byteCount: number;
  readonly lines: number;
  readonly packed: Uint8Array;
}

function packRuns(bytes: Uint8Array): PackedRun[] {
  return cutRuns(bytes, { linesMax: linesPerPiece, bytesMax: pieceBytes }).map(
    ({ start, lines, bytes: run }) => ({
      start,
      lines,
      byteCount: run.length,
      packed: packQuickly(run),
    }),
  );
}

async function putBatch(session: SqlSession, batch: FileBatch, runs: readonly PackedRun[]): Promise<number> {
  const lines = runs.reduce((sum, run) => sum + run.lines, 0);
  const fileId = await putFile(session, { batch, change: await nextChange(session), lines });
  for (const { start, byteCount, packed } of runs) {
    await session.run('INSERT INTO pieces (file_id, start_offset, byte_count, packed) VALUES (?, ?, ?, ?)', [
      fileId,
      batch.start + start,
      byteCount,
      packed,
    ]);
  }
  await count(session, batch.bytes.length, lines);
  return fileId;
}

async function putFile(
  session: SqlSession,
  { batch, change, lines }: { batch: FileBatch; change: number; lines: number },
): Promise<number> {
  const { identity, readTo, headHash, tailHash, seen } = batch.state;
  const modifiedAtMs = Math.trunc(batch.modifiedAtMs);
  if (batch.id !== undefined) {
    await session.run(
      `UPDATE files SET change = ?, identity = ?, read_to = ?, head_hash = ?, tail_hash = ?, seen = ?, lines = lines + ?,
       too_long = too_long + ?, modified_at_ms = ?, gone_at_ms = NULL WHERE id = ?`,
      [change, identity, readTo, headHash, tailHash, seen, lines, batch.tooLong, modifiedAtMs, batch.id],
    );
    return batch.id;
  }
  const [row] = await session.all<{ id: number }>(
    `INSERT INTO files (change, kind, root, path, identity, read_to, head_hash, tail_hash, seen, lines, too_long, modified_at_ms)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id`,
    [
      change,
      batch.kind,
      batch.root,
      batch.path,
      identity,
      readTo,
      headHash,
      tailHash,
      seen,
      lines,
      batch.tooLong,
      modifiedAtMs,
    ],
  );
  return row!.id;
}

/** Returns how many pieces went. */
async function forgetPieces(session: SqlSession, fileId: number): Promise<number> {
  const gone = await session.all<{ bytes: number }>(
    `DELETE FROM pieces WHERE id IN (SELECT id FROM pieces WHERE file_id = ? LIMIT 200)
     RETURNING byte_count AS bytes`,
    [fileId],
  );
  await count(session, -gone.reduce((sum, { bytes }) => sum + bytes, 0), 0);
  return gone.length;
}

async function noteFile(
  engine: SqlEngine<unknown>,
  id: number,
  change: string,
  values: readonly number[],
  condition: string,
): Promise<void> {
  await engine.write(async (session) => {
    await session.run(`UPDATE files SET ${change}, change = ? WHERE id = ? AND ${condition}`, [
      ...values,
      await nextChange(session),
      id,
    ]);
  });
  engine.tidy();
}

async function nextChange(session: SqlSession): Promise<number> {
  const [row] = await session.all<{ value: number }>(
    "UPDATE counters SET value = value + 1 WHERE name = 'change' RETURNING value",
    [],
  );
  return row!.value;
}

async function count(session: SqlSession, bytes: number, lines: number): Promise<void> {
  await session.run(
    "UPDATE counters SET value = value + CASE name WHEN 'bytes' THEN ? ELSE ? END WHERE name IN ('bytes', 'lines')",
    [bytes, lines],
  );
}

function openPiece(row: PieceRow, location: string): ArchivedPiece {
  let bytes: Uint8Array;
  try {
    bytes = unpack(row.packed, row.byte_count);
  } catch (error) {
    throw new StoreError('corrupt', `${location}: a piece of a transcript is damaged (${row.id}).`, {
      cause: error,
    });
  }
  const lines = cutLines(bytes).map((line, index) => ({
    entryId: row.id * linesPerPiece + index,
    fileId: row.file_id,
    bytes: line,
  }));
  return { id: row.id, fileId: row.file_id, lines };
}
