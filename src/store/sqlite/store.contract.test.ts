import { makeTempDir } from '#test-support';
import { openStore } from '../open-store.ts';
import { describeStore } from '../store.contract.ts';
import type { Store } from '../store.ts';

describeStore('SQLite', async () => {
  const directory = makeTempDir('store');
  const opened: Store[] = [];
  return {
    open: async (role) => {
      const store = await openStore({ engine: 'sqlite', path: directory.join('throughline.db') }, { role });
      opened.push(store);
      return store;
    },
    remove: async () => {
      for (const store of opened) await store.close();
      directory.remove();
    },
  };
});
