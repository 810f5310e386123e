import type { SqlSession } from '../sql-engine.ts';
import type { DerivingStep } from './derived-store.ts';

export async function positionOf(session: Pick<SqlSession, 'all'>, step: DerivingStep): Promise<number> {
  const [row] = await session.all<{ position: number }>('SELECT position FROM positions WHERE step = ?', [
    step,
  ]);
  return row?.position ?? 0;
}

export async function allPositions(
  session: Pick<SqlSession, 'all'>,
): Promise<Partial<Record<DerivingStep, number>>> {
  const rows = await session.all<{ step: string; position: number }>(
    'SELECT step, position FROM positions',
    [],
  );
  return Object.fromEntries(rows.map(({ step, position }) => [step, position]));
}

export async function movePosition(session: SqlSession, step: DerivingStep, position: number): Promise<void> {
  await session.run(
    'INSERT INTO positions (step, position) VALUES (?, ?) ON CONFLICT (step) DO UPDATE SET position = excluded.position',
    [step, position],
  );
}
