import { StoreError } from '#store';
import type { Logger } from '../log.ts';
import { startThread } from '../program-thread.ts';
import type { FromQueryThread, QueryThreadConfig, ToQueryThread } from './messages.ts';
import type { QueryInput, QueryName, QueryOutput } from './queries.ts';

export interface QueryThread {
  /** Rejects with a `StoreError` when what is derived cannot be read now. */
  ask<Name extends QueryName>(name: Name, input: QueryInput<Name>): Promise<QueryOutput<Name>>;
  /** Resolves when it is gone; what it has not answered is refused. */
  stop(): Promise<void>;
}

/** Asked for and not answered yet; beyond this, queries are refused. */
const openQueriesMax = 256;

interface OpenQuery {
  readonly answer: (value: unknown) => void;
  readonly fail: (error: Error) => void;
}

/** @returns when the thread has loaded everything. Rejects when it cannot. */
export async function startQueryThread(config: QueryThreadConfig, log: Logger): Promise<QueryThread> {
  const open = new Map<number, OpenQuery>();
  let lastId = 0;
  let isGone = true;

  function hear(message: FromQueryThread): void {
    if (message.kind === 'ready') return;
    const query = open.get(message.id);
    open.delete(message.id);
    if (message.kind === 'answer') query?.answer(message.value);
    else query?.fail(failureOf(message));
  }

  const thread = await startThread<ToQueryThread, FromQueryThread>('query', {
    data: { dataDir: config.dataDir, store: config.store } satisfies QueryThreadConfig,
    memoryMegabytes: 512,
    log,
    onReady() {
      isGone = false;
    },
    onMessage: hear,
    onEnd() {
      isGone = true;
      for (const query of open.values()) query.fail(away());
      open.clear();
    },
  });

  return {
    ask(name, input) {
      if (isGone) return Promise.reject(away());
      if (open.size >= openQueriesMax)
        return Promise.reject(new StoreError('busy', `${openQueriesMax} queries wait already.`));
      lastId += 1;
      const id = lastId;
      return new Promise((resolve, reject) => {
        // The thread answers with what the query of that name gives.
        open.set(id, { answer: resolve as (value: unknown) => void, fail: reject });
        thread.send({ kind: 'ask', id, name, input });
      });
    },
    stop() {
      thread.send({ kind: 'stop' });
      return thread.stop(2_000);
    },
  };
}

function away(): StoreError {
  return new StoreError('busy', 'The query thread is not there at the moment.');
}

function failureOf({ code, sentence }: FromQueryThread & { readonly kind: 'failure' }): Error {
  return code === undefined ? new Error(`a query failed: ${sentence}`) : new StoreError(code, sentence);
}
