import { setImmediate as nextTurn } from 'node:timers/promises';
import type { SqlSession } from './sql-engine.ts';

/**
 * Names of the asked models that contain the text. There are few models and many exchanges: looking at the names
 * first, by hopping through the index from one to the next, saves looking at every row.
 * Upper and lower case are the same for the letters a to z.
 */
export async function askedModelsContaining(session: SqlSession, text: string): Promise<string[]> {
  const wanted = lowerCase(text);
  const found: string[] = [];
  let [next] = await session.all<{ name: string | null }>(
    'SELECT min(asked_model) AS name FROM exchanges',
    [],
  );
  for (let looked = 1; next?.name != null && found.length < modelsMax; looked += 1) {
    // Reading is synchronous underneath: without a pause nobody else would get an answer meanwhile.
    if (looked % namesPerTurn === 0) await nextTurn();
    if (lowerCase(next.name).includes(wanted)) found.push(next.name);
    [next] = await session.all<{ name: string | null }>(
      'SELECT min(asked_model) AS name FROM exchanges WHERE asked_model > ?',
      [next.name],
    );
  }
  return found;
}

// A client that invents a name for every request must not make the query longer than engines allow.
const modelsMax = 5_000;
const namesPerTurn = 200;

function lowerCase(text: string): string {
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}
