import { describe, expect, it } from 'vitest';
import { type Store, StoreError, type StoreErrorCode } from '#store';
import { createStoreAccess } from './store-access.ts';

/** Stores that fail on demand, and what happened to them. */
function scriptedStores() {
  const opened: { closed: boolean }[] = [];
  const script: { failToOpen?: StoreErrorCode | undefined; nowMs: number } = { nowMs: 0 };
  const open = async (): Promise<Store> => {
    await Promise.resolve();
    if (script.failToOpen) throw new StoreError(script.failToOpen, 'scripted');
    const state = { closed: false };
    opened.push(state);
    const store = {
      close: async () => {
        state.closed = true;
      },
    };
    // The access calls nothing but close.
    return store as unknown as Store;
  };
  const reports = { damage: 0 };
  const access = createStoreAccess(open, {
    nowMs: () => script.nowMs,
    pauseMs: 100,
    onDamage: () => {
      reports.damage += 1;
    },
  });
  return { access, opened, script, reports };
}

const failing = (code: StoreErrorCode) => async () => {
  throw new StoreError(code, 'scripted');
};

describe('access to the store', () => {
  it('tells of damage, and of nothing else', async () => {
    const { access, reports } = scriptedStores();
    for (const code of ['busy', 'moved', 'unusable'] as const) {
      await expect(access.use(failing(code))).rejects.toThrow();
    }
    expect(reports.damage).toBe(0);
    await expect(access.use(failing('corrupt'))).rejects.toThrow();
    expect(reports.damage).toBe(1);
  });

  it('opens it once for all who ask at the same time', async () => {
    const { access, opened } = scriptedStores();
    await Promise.all(Array.from({ length: 20 }, () => access.use(async () => undefined)));
    expect(opened).toHaveLength(1);
  });

  it('opens it anew after it was damaged or replaced, and closes the old one', async () => {
    for (const code of ['corrupt', 'unusable', 'moved', 'missing'] as const) {
      const { access, opened } = scriptedStores();
      await expect(access.use(failing(code))).rejects.toMatchObject({ code });
      await access.use(async () => undefined);
      expect(opened[0], code).toEqual({ closed: true });
      expect(opened.at(-1), code).toEqual({ closed: false });
    }
  });

  it('keeps it while it is only busy or full', async () => {
    const { access, opened } = scriptedStores();
    for (const code of ['busy', 'full'] as const)
      await expect(access.use(failing(code))).rejects.toMatchObject({ code });
    expect(opened).toEqual([{ closed: false }]);
  });

  it('tries once more by itself when the file turns out to be another', async () => {
    const { access, opened } = scriptedStores();
    let calls = 0;
    const result = await access.use(async () => {
      calls += 1;
      if (calls === 1) throw new StoreError('moved', 'scripted');
      return 'read';
    });
    expect([result, opened.length]).toEqual(['read', 2]);
  });

  it('does not open a broken one again for every request', async () => {
    const { access, script } = scriptedStores();
    script.failToOpen = 'corrupt';
    await expect(access.use(async () => 1)).rejects.toMatchObject({ code: 'corrupt' });
    script.failToOpen = undefined;
    await expect(access.use(async () => 1)).rejects.toMatchObject({ code: 'corrupt' });
    script.nowMs = 100;
    await expect(access.use(async () => 1)).resolves.toBe(1);
  });

  it('closes a replaced one only when its last user is done', async () => {
    const { access, opened } = scriptedStores();
    const lease = await access.acquire();
    await expect(access.use(failing('corrupt'))).rejects.toThrow();
    expect(opened[0]).toEqual({ closed: false });
    lease.release();
    lease.release();
    expect(opened[0]).toEqual({ closed: true });
  });

  it('is over when it was closed', async () => {
    const { access, opened } = scriptedStores();
    await access.use(async () => undefined);
    await access.close();
    await expect(access.use(async () => 1)).rejects.toMatchObject({ code: 'unusable' });
    expect(opened).toEqual([{ closed: true }]);
  });
});
