import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { BodySide, Exchange, ExchangeId } from '#exchange';
import { type SeededRandom, seededRandom } from '#test-support';
import type { BodyPiece, ExchangeFilter, ExchangeToStore, Store, VerifyProgress } from './store.ts';
import { bytesOf, chunk, exchangeToStore, literal, withProviderBodies } from './testing/exchange-to-store.ts';
import { fullExchange } from './testing/full-exchange.ts';

/** Opens one store, again and again, in any role; `remove` closes what is open and deletes it. */
export interface StoreUnderTest {
  open(role: 'writer' | 'reader'): Promise<Store>;
  remove(): Promise<void>;
}

/** What every engine has to do. An engine's test file calls this with a way to make new stores. */
export function describeStore(engine: string, create: () => Promise<StoreUnderTest>): void {
  let place: StoreUnderTest;
  let store: Store;

  beforeEach(async () => {
    place = await create();
    store = await place.open('writer');
  });
  afterEach(() => place.remove());

  const commit = (...exchanges: ExchangeToStore[]) => store.commit({ exchanges, positions: [] });

  describe(`${engine}: storing`, () => {
    it('keeps every fact of an exchange as it was handed over', async () => {
      const exchange = fullExchange();
      const { sequence, ...read } = await storedAndRead(exchangeToStore(1, { facts: exchange }));
      expect(read).toEqual({ ...exchangeToStore(1).exchange, ...exchange });
      expect(sequence).toBeGreaterThan(0);
    });

    it('leaves out what is unknown instead of calling it zero', async () => {
      const item = exchangeToStore(1);
      const { sequence: _, ...read } = await storedAndRead(item);
      expect(read).toEqual(item.exchange);
    });

    it('keeps header names, order, repeats and bytes', async () => {
      const requestHeaders = ['X-A', '1', 'x-a', '2', 'Set-Cookie', 'é\u00ff;"\\', 'X-Empty', ''];
      const read = await storedAndRead(exchangeToStore(1, { facts: { requestHeaders } }));
      expect(read.requestHeaders).toEqual(requestHeaders);
    });

    it('says undefined for an exchange, a body and arrival times that are unknown', async () => {
      const id = exchangeToStore(1).exchange.id;
      expect(await store.exchange(id)).toBeUndefined();
      expect(await store.body(id, 'request')).toBeUndefined();
      expect(await store.arrivals(id)).toBeUndefined();
    });

    it('keeps when each part of an answer arrived', async () => {
      const arrivals = [
        { afterUs: 1_000, bytes: 12 },
        { afterUs: 999, bytes: 0 },
        { afterUs: 86_400_000_000, bytes: 70_000 },
      ];
      const item = exchangeToStore(1, { arrivals });
      await commit(item);
      expect(await store.arrivals(item.exchange.id)).toEqual(arrivals);
    });

    it('changes nothing when the same batch is stored again (DUR-17)', async () => {
      const items = [exchangeToStore(1), exchangeToStore(2)];
      const positions = [{ coreId: 'core', segmentNumber: 2, offset: 50 }];
      expect(await store.commit({ exchanges: items, positions })).toEqual({ stored: 2, known: 0 });
      const before = (await store.list({}, { offset: 0, limit: 0 })).exchanges;
      expect(await store.commit({ exchanges: items, positions })).toEqual({ stored: 0, known: 2 });
      expect((await store.list({}, { offset: 0, limit: 0 })).exchanges).toEqual(before);
      expect(await verified(store)).toMatchObject([{ kind: 'totals', exchanges: 2, damaged: 0 }]);
    });

    it('counts an exchange once that occurs twice in a batch', async () => {
      expect(await commit(exchangeToStore(1), exchangeToStore(1))).toEqual({ stored: 1, known: 1 });
    });

    it('never moves a journal position back', async () => {
      const at = (segmentNumber: number, offset: number) => ({ coreId: 'core', segmentNumber, offset });
      for (const position of [at(2, 10), at(2, 9), at(1, 99), at(2, 11)]) {
        await store.commit({ exchanges: [], positions: [position, { ...position, coreId: 'other' }] });
      }
      expect([...(await store.journalPositions()).values()]).toEqual([
        at(2, 11),
        { ...at(2, 11), coreId: 'other' },
      ]);
      await store.forgetJournal('core');
      await store.forgetJournal('core');
      expect([...(await store.journalPositions()).keys()]).toEqual(['other']);
    });

    it('stores nothing of a batch that fails', async () => {
      const wrong: BodyPiece = {
        kind: 'chunk',
        sha256: Buffer.alloc(32),
        bytes: Buffer.from('not the hash of this'),
      };
      const bad = exchangeToStore(2, { request: [chunk('a piece that is new in this batch'), wrong] });
      const positions = [{ coreId: 'core', segmentNumber: 1, offset: 1 }];
      await expect(store.commit({ exchanges: [exchangeToStore(1), bad], positions })).rejects.toThrow('hash');
      expect(await store.count({})).toBe(0);
      expect((await store.journalPositions()).size).toBe(0);
      // The new piece was not stored, so it must not be remembered as stored.
      const good = exchangeToStore(3, { request: [chunk('a piece that is new in this batch')] });
      await commit(good);
      expect(await bodyOf(good.exchange.id)).toEqual(bytesOf(good.request.pieces));
    });

    it('keeps batches apart that are committed at the same time', async () => {
      const items = Array.from({ length: 30 }, (_, n) =>
        exchangeToStore(n, { request: [chunk(`shared piece ${n % 3}`), chunk(`own piece ${n}`)] }),
      );
      const results = await Promise.all(items.map((item) => commit(item)));
      expect(results).toEqual(items.map(() => ({ stored: 1, known: 0 })));
      for (const item of items) expect(await bodyOf(item.exchange.id)).toEqual(bytesOf(item.request.pieces));
    });

    it('shows open exchanges as of the last commit that named them', async () => {
      const open = (number: number) => ({
        id: exchangeToStore(number).exchange.id,
        coreId: 'core',
        receivedAtMs: number,
        method: 'POST',
        path: '/v1/messages',
        requestBytes: 1,
        responseBytes: number,
      });
      await store.commit({ exchanges: [], positions: [], open: [open(1), open(2)] });
      expect(await store.openExchanges()).toEqual([open(1), open(2)]);
      await commit(exchangeToStore(1));
      expect(await store.openExchanges()).toEqual([open(1), open(2)]);
      await store.commit({ exchanges: [], positions: [], open: [] });
      expect(await store.openExchanges()).toEqual([]);
    });

    it('refuses to commit when it was opened for reading', async () => {
      const reader = await place.open('reader');
      await expect(reader.commit({ exchanges: [], positions: [] })).rejects.toMatchObject({
        code: 'unusable',
      });
    });

    it('survives numbers that no clock should give', async () => {
      const item = exchangeToStore(1, {
        facts: { firstByteUs: Number.NaN, requestBytes: Number.POSITIVE_INFINITY, status: 2 ** 60 },
        arrivals: [{ afterUs: Number.NaN, bytes: -1 }],
      });
      expect(await commit(item)).toEqual({ stored: 1, known: 0 });
      expect((await store.exchange(item.exchange.id))?.id).toBe(item.exchange.id);
    });
  });

  describe(`${engine}: bodies`, () => {
    it('gives back the exact bytes of 10,000 generated bodies', async () => {
      const random = seededRandom(7);
      const hashes = new Map<ExchangeId, string>();
      for (let batch = 0; batch < 50; batch += 1) {
        const items = Array.from({ length: 100 }, (_, n) => generatedExchange(random, batch * 100 + n));
        await commit(...items);
        for (const { exchange } of items)
          hashes.set(exchange.id, exchange.requestSha256 + exchange.responseSha256);
      }
      for (const [id, expected] of hashes) {
        const [request, response] = [await bodyOf(id), await bodyOf(id, 'response')];
        if (sha256(request) + sha256(response) !== expected) expect(id).toBe('stored exactly');
      }
      expect(hashes.size).toBe(5_000);
    }, 180_000);

    it('yields pieces of at most 1 MiB', async () => {
      const large = seededRandom(1).bytes(3_500_000);
      const item = exchangeToStore(1, {
        request: [chunk(large), literal(large.subarray(5))],
        response: [literal('')],
      });
      await commit(item);
      const sizes: number[] = [];
      const hash = createHash('sha256');
      for await (const piece of (await store.body(item.exchange.id, 'request'))!) {
        sizes.push(piece.length);
        hash.update(piece);
      }
      expect(Math.max(...sizes)).toBeLessThanOrEqual(1024 * 1024);
      expect(hash.digest('hex')).toBe(item.exchange.requestSha256);
      expect(await bodyOf(item.exchange.id, 'response')).toEqual(Buffer.alloc(0));
    });

    it('stores a piece once that many bodies share', async () => {
      const shared = seededRandom(2).bytes(100_000);
      const before = (await store.health()).bytes;
      for (let n = 0; n < 20; n += 1)
        await commit(exchangeToStore(n, { request: [literal(`${n}`), chunk(shared)] }));
      expect((await store.health()).bytes - before).toBeLessThan(20 * 100_000 * 0.6);
      expect(await verified(store)).toMatchObject([{ kind: 'totals', bodies: 40, chunks: 1, damaged: 0 }]);
    });

    it('knows after reopening what it stored before', async () => {
      const shared = seededRandom(3).bytes(5_000);
      await commit(exchangeToStore(1, { request: [chunk(shared)] }));
      await store.close();
      store = await place.open('writer');
      const item = exchangeToStore(2, { request: [literal('['), chunk(shared), literal(']')] });
      await commit(item);
      expect(await bodyOf(item.exchange.id)).toEqual(bytesOf(item.request.pieces));
      expect(await verified(store)).toMatchObject([{ chunks: 1 }]);
    });

    it('says that a body is missing when it is pruned while it is read: that is no damage', async () => {
      const pieces = Array.from({ length: 20 }, (_, n) => chunk(seededRandom(n).bytes(400_000)));
      const item = exchangeToStore(1, { request: pieces });
      await commit(item);
      const body = (await store.body(item.exchange.id, 'request'))![Symbol.asyncIterator]();
      await body.next();
      expect(await store.pruneBodies({}, 1)).toEqual({ exchanges: 1 });
      const rest = (async () => {
        while (!(await body.next()).done);
      })();
      await expect(rest).rejects.toMatchObject({ code: 'missing' });
      expect(await store.body(item.exchange.id, 'request')).toBeUndefined();
      expect(await store.pruneBodies({}, 2)).toEqual({ exchanges: 0 });
      expect(await store.prunedAfter(0, 10)).toMatchObject([{ sequence: 1 }]);
    });

    it('says that an exchange is missing when it is deleted while its body is read', async () => {
      const pieces = Array.from({ length: 20 }, (_, n) => chunk(seededRandom(n).bytes(400_000)));
      const item = exchangeToStore(1, { request: pieces });
      await commit(item);
      const body = (await store.body(item.exchange.id, 'request'))![Symbol.asyncIterator]();
      expect((await body.next()).done).toBe(false);
      await store.delete({});
      const rest = async () => {
        while (!(await body.next()).done);
      };
      await expect(rest()).rejects.toMatchObject({ code: 'missing' });
    });
  });

  describe(`${engine}: bodies at the provider's end`, () => {
    const shared = chunk('a message that the client said and the provider was sent as it is');
    const translated = (number: number) =>
      withProviderBodies(
        exchangeToStore(number, { request: [literal('{"model":"a"'), shared] }),
        [literal('{"model":"b"'), shared],
        [chunk(`what the provider answered to exchange ${number}, which is longer than a literal`)],
      );

    it('gives them back, and keeps once what they have in common with those of the client', async () => {
      const item = translated(1);
      await commit(item, exchangeToStore(2));
      const { id } = item.exchange;
      expect(await bodyOf(id, 'provider-request')).toEqual(bytesOf(item.providerRequest!.pieces));
      expect(await bodyOf(id, 'provider-response')).toEqual(bytesOf(item.providerResponse!.pieces));
      expect(await bodyOf(id, 'request')).toEqual(bytesOf(item.request.pieces));
      expect(await verified(store)).toMatchObject([{ kind: 'totals', bodies: 6, chunks: 2, damaged: 0 }]);
    });

    it('says undefined where an exchange has none', async () => {
      const item = exchangeToStore(1);
      await commit(item);
      expect(await store.body(item.exchange.id, 'provider-request')).toBeUndefined();
      expect(await store.body(exchangeToStore(2).exchange.id, 'provider-response')).toBeUndefined();
    });

    it('finds out when one of them is not what it should be', async () => {
      const good = translated(1);
      const bad = {
        ...good,
        exchange: {
          ...good.exchange,
          providerResponse: { ...good.exchange.providerResponse!, sha256: 'ab'.repeat(32) },
        },
      };
      await commit(bad);
      await expect(bodyOf(good.exchange.id, 'provider-response')).rejects.toMatchObject({ code: 'corrupt' });
      expect(await verified(store)).toMatchObject([
        { kind: 'damage', exchangeId: good.exchange.id, side: 'provider-response' },
        { kind: 'totals', damaged: 1 },
      ]);
    });

    it('takes them away with their exchange, and no piece that another one still needs', async () => {
      const [first, second] = [translated(1), translated(2)];
      await commit(first, second);
      await store.delete({ id: first.exchange.id });
      expect(await bodyOf(second.exchange.id, 'provider-request')).toEqual(
        bytesOf(second.providerRequest!.pieces),
      );
      expect(await verified(store)).toMatchObject([{ kind: 'totals', bodies: 4, chunks: 2, damaged: 0 }]);
      await store.delete({});
      expect(await verified(store)).toMatchObject([{ kind: 'totals', bodies: 0, chunks: 0, damaged: 0 }]);
    });
  });

  describe(`${engine}: lists`, () => {
    const models = ['claude-opus-9', 'Claude-Sonnet-9', 'gpt-100%', 'a_b', undefined];
    const items = Array.from({ length: 157 }, (_, n) => {
      const model = models[n % models.length];
      return exchangeToStore(n, {
        facts: {
          // Several exchanges share a millisecond.
          receivedAtMs: 1_700_000_000_000 + Math.floor(n / 3),
          provider: n % 4 === 0 ? 'local' : 'anthropic',
          outcome: n % 10 === 0 ? 'interrupted' : 'complete',
          ...(model === undefined ? {} : { askedModel: model }),
          ...(n % 10 === 0 ? {} : { status: n % 7 === 0 ? 529 : 200 }),
          ...(n % 2 === 0 ? { sessionId: `session-${n % 6}` } : {}),
          ...(n % 5 === 0 ? { agentId: 'a1', tag: 'tag' } : {}),
          path: n % 9 === 0 ? '/v1/models' : '/v1/messages',
        },
      });
    });
    const newestFirst = items
      .map((item) => item.exchange)
      .sort((a, b) => b.receivedAtMs - a.receivedAtMs || (a.id < b.id ? 1 : -1));

    const filters: [string, ExchangeFilter, (exchange: Exchange) => boolean][] = [
      ['nothing', {}, () => true],
      ['a time range', { fromMs: 1_700_000_000_010, toMs: 1_700_000_000_020 }, inside],
      ['a part of the model', { modelContains: 'CLAUDE' }, (e) => /claude/i.test(e.askedModel ?? '')],
      [
        'a part that several models share',
        { modelContains: '-' },
        (e) => e.askedModel?.includes('-') ?? false,
      ],
      ['a percent sign', { modelContains: '%' }, (e) => e.askedModel === 'gpt-100%'],
      ['an underscore', { modelContains: '_' }, (e) => e.askedModel === 'a_b'],
      ['an empty model text', { modelContains: '' }, () => true],
      ['a model nobody asked for', { modelContains: 'nobody' }, () => false],
      ['a provider', { provider: 'local' }, (e) => e.provider === 'local'],
      ['a session', { sessionId: 'session-4' }, (e) => e.sessionId === 'session-4'],
      ['an agent and a tag', { agentId: 'a1', tag: 'tag' }, (e) => e.agentId === 'a1'],
      ['a path', { path: '/v1/models' }, (e) => e.path === '/v1/models'],
      ['an outcome', { outcome: 'interrupted' }, (e) => e.outcome === 'interrupted'],
      ['completeness', { outcome: 'complete' }, (e) => e.outcome === 'complete'],
      [
        'completeness with a provider and a status',
        { outcome: 'complete', provider: 'anthropic', statusFrom: 200, statusBelow: 300 },
        (e) => e.outcome === 'complete' && e.provider === 'anthropic' && e.status === 200,
      ],
      [
        'a good status of a session',
        { statusBelow: 300, sessionId: 'session-4' },
        (e) => e.status === 200 && e.sessionId === 'session-4',
      ],
      [
        'a good status of some models',
        { statusFrom: 200, modelContains: '-', toMs: 1_700_000_000_030 },
        (e) =>
          e.status !== undefined &&
          (e.askedModel?.includes('-') ?? false) &&
          e.receivedAtMs < 1_700_000_000_030,
      ],
      ['error statuses', { statusFrom: 400, statusBelow: 600 }, (e) => (e.status ?? 0) >= 400],
      ['low statuses', { statusFrom: 100, statusBelow: 300 }, (e) => e.status === 200],
      ['an id', { id: items[5]!.exchange.id }, (e) => e.id === items[5]!.exchange.id],
      [
        'everything at once',
        { modelContains: 'o', provider: 'anthropic', path: '/v1/messages', fromMs: 1_700_000_000_003 },
        (e) => matchesAll(e),
      ],
    ];

    it('S12: filters and counts as a plain comparison would', async () => {
      await commit(...items);
      for (const [name, filter, passes] of filters) {
        const expected = newestFirst.filter(passes).map((exchange) => exchange.id);
        const { exchanges, next } = await store.list(filter, { offset: 0, limit: 0 });
        expect([name, exchanges.map((exchange) => exchange.id)]).toEqual([name, expected]);
        expect([name, await store.count(filter), next]).toEqual([name, expected.length, undefined]);
      }
    });

    it('pages by key through exactly the full listing', async () => {
      await commit(...items);
      for (const [name, filter, passes] of filters) {
        const ids: string[] = [];
        for (let after: { receivedAtMs: number; id: ExchangeId } | undefined; ; ) {
          const page = await store.list(filter, { after, limit: 7 });
          expect(page.exchanges.length).toBeLessThanOrEqual(7);
          ids.push(...page.exchanges.map((exchange) => exchange.id));
          after = page.next;
          if (after === undefined) break;
        }
        expect([name, ids]).toEqual([name, newestFirst.filter(passes).map((exchange) => exchange.id)]);
      }
    });

    it('pages by offset', async () => {
      await commit(...items);
      const ids = newestFirst.map((exchange) => exchange.id);
      const page = await store.list({}, { offset: 10, limit: 20 });
      expect(page.exchanges.map((exchange) => exchange.id)).toEqual(ids.slice(10, 30));
      const rest = await store.list({}, { offset: 150, limit: 0 });
      expect(rest.exchanges.map((exchange) => exchange.id)).toEqual(ids.slice(150));
      const merged = await store.list({ modelContains: '-' }, { offset: 5, limit: 4 });
      const withDash = newestFirst.filter((exchange) => exchange.askedModel?.includes('-'));
      expect(merged.exchanges.map((exchange) => exchange.id)).toEqual(
        withDash.slice(5, 9).map(({ id }) => id),
      );
    });

    it('finds ids by their beginning or end', async () => {
      await commit(...items);
      const { id } = items[40]!.exchange;
      for (const length of [8, 11, 12, 13, 31, 32]) {
        expect(await store.findIds(id.slice(-length), 5)).toEqual([id]);
      }
      expect(await store.findIds(id, 5)).toEqual([id]);
      const beginning = id.slice(0, 10);
      const expected = newestFirst
        .map((exchange) => exchange.id)
        .filter((other) => other.startsWith(beginning));
      expect((await store.findIds(beginning, 500)).sort()).toEqual(expected.sort());
      expect(await store.findIds(beginning, 3)).toHaveLength(3);
      for (const text of ['', 'xyz', `${id}0`, '%', '_', 'ABC', `0' OR '1'='1`]) {
        expect(await store.findIds(text, 5)).toEqual([]);
      }
      expect(await store.findIds(id, 0)).toEqual([]);
    });

    it('lists what was stored after a sequence, in the order of storing', async () => {
      expect(await store.lastSequence()).toBe(0);
      expect(await store.latestReceivedAtMs()).toBeUndefined();
      await commit(items[9]!, items[3]!, items[6]!);
      const first = await store.storedAfter(0, 2);
      expect(first.map((exchange) => exchange.id)).toEqual(
        [items[9]!, items[3]!].map((item) => item.exchange.id),
      );
      const rest = await store.storedAfter(first[1]!.sequence, 10);
      expect(rest.map((exchange) => exchange.id)).toEqual([items[6]!.exchange.id]);
      expect(await store.lastSequence()).toBe(rest[0]!.sequence);
      expect(await store.latestReceivedAtMs()).toBe(items[9]!.exchange.receivedAtMs);
    });

    it('has an epoch, the same for everybody and for as long as it lasts', async () => {
      const epoch = await store.epoch();
      expect(epoch).toMatch(/^[0-9a-z]+$/);
      await commit(items[9]!);
      await store.delete({});
      expect(await store.epoch()).toBe(epoch);
      expect(await (await place.open('reader')).epoch()).toBe(epoch);
    });

    it('SEC-12: treats every text in every filter as text', async () => {
      await commit(...items);
      const before = await store.count({});
      for (const text of hostileTexts) {
        const byText: ExchangeFilter[] = [
          { modelContains: text },
          { provider: text },
          { sessionId: text },
          { agentId: text },
          { tag: text },
          { path: text },
          { id: text as ExchangeId },
          { outcome: text as Exchange['outcome'] },
        ];
        for (const filter of byText) {
          expect([filter, (await store.list(filter, { after: undefined, limit: 5 })).exchanges]).toEqual([
            filter,
            [],
          ]);
          expect([filter, await store.count(filter)]).toEqual([filter, 0]);
          expect(await store.delete(filter)).toEqual({ exchanges: 0 });
        }
        expect(await store.findIds(text, 5)).toEqual([]);
      }
      expect(await store.count({})).toBe(before);
    });

    it('SEC-12: keeps hostile texts in facts as they are and finds them again', async () => {
      for (const [n, text] of hostileTexts.entries()) {
        const facts = {
          askedModel: text,
          sessionId: text,
          path: text,
          tag: text,
          provider: text,
          errorMessage: text,
        };
        const item = exchangeToStore(n, { facts: { ...facts, requestHeaders: [text, text] } });
        await commit(item);
        expect(await store.exchange(item.exchange.id)).toMatchObject(facts);
        for (const filter of [{ modelContains: text }, { sessionId: text }, { tag: text }, { path: text }]) {
          const { exchanges } = await store.list(filter, { after: undefined, limit: 50 });
          expect([filter, exchanges.map(({ id }) => id)]).toEqual([filter, [item.exchange.id]]);
        }
      }
    });
  });

  describe(`${engine}: deleting`, () => {
    it('removes exchanges and only the pieces that no body needs', async () => {
      const shared = chunk('a piece that several requests of the session repeat');
      const items = Array.from({ length: 12 }, (_, n) =>
        exchangeToStore(n, {
          request: [shared, literal(','), chunk(`a piece of its own for exchange ${n}`)],
          facts: { sessionId: n < 7 ? 'old' : 'new' },
        }),
      );
      await commit(...items);
      expect(await store.delete({ sessionId: 'old' })).toEqual({ exchanges: 7 });
      expect(await store.count({})).toBe(5);
      expect(await store.count({ fromMs: 0 })).toBe(5);
      expect(await store.exchange(items[0]!.exchange.id)).toBeUndefined();
      for (const item of items.slice(7))
        expect(await bodyOf(item.exchange.id)).toEqual(bytesOf(item.request.pieces));
      expect(await verified(store)).toMatchObject([{ kind: 'totals', exchanges: 5, chunks: 6, damaged: 0 }]);
    });

    it('removes everything and goes on counting sequences', async () => {
      await commit(exchangeToStore(1, { request: [chunk('one')] }), exchangeToStore(2));
      const last = await store.lastSequence();
      expect(await store.delete({})).toEqual({ exchanges: 2 });
      expect(await store.delete({})).toEqual({ exchanges: 0 });
      expect(await verified(store)).toMatchObject([{ kind: 'totals', exchanges: 0, chunks: 0, bodies: 0 }]);
      expect(await store.lastSequence()).toBe(last);
      await commit(exchangeToStore(3));
      expect(await store.lastSequence()).toBeGreaterThan(last);
    });

    it('counts what was deleted and says which sequences are left', async () => {
      expect(await store.deletedTotal()).toBe(0);
      await commit(
        ...[1, 2, 3].map((number) => exchangeToStore(number, { facts: { sessionId: `s${number}` } })),
      );
      const before = await store.sequencesAfter(0, 10);
      expect(before).toHaveLength(3);
      await store.delete({ sessionId: 's2' });
      expect(await store.deletedTotal()).toBe(1);
      expect(await store.sequencesAfter(0, 10)).toEqual([before[0], before[2]]);
      expect(await store.sequencesAfter(0, 1)).toEqual([before[0]]);
      expect(await store.sequencesAfter(before[0]!, 10)).toEqual([before[2]]);
      await store.delete({});
      expect(await store.deletedTotal()).toBe(3);
    });

    it('leaves a writer able to store pieces again that another process deleted', async () => {
      const piece = chunk('a piece that was stored, deleted elsewhere and is needed again');
      await commit(exchangeToStore(1, { request: [piece] }));
      const other = await place.open('reader');
      await other.delete({});
      const item = exchangeToStore(2, { request: [piece] });
      await commit(item);
      expect(await bodyOf(item.exchange.id)).toEqual(bytesOf([piece]));
    });

    it('leaves a writer able to store a list of tools again that another process deleted', async () => {
      const facts = { toolsDeclared: ['Read', 'Write'], toolsCalled: ['Read'] };
      await commit(exchangeToStore(1, { facts }), exchangeToStore(2, { facts: { toolsDeclared: ['Read'] } }));
      const other = await place.open('reader');
      await other.delete({});
      const items = [exchangeToStore(3, { facts }), exchangeToStore(4), exchangeToStore(5, { facts })];
      await commit(...items);
      const { exchanges } = await store.list({}, { offset: 0, limit: 0 });
      for (const { exchange } of items) {
        const { toolsDeclared, toolsCalled } = exchange;
        expect(exchanges.find(({ id }) => id === exchange.id)).toMatchObject({ toolsDeclared, toolsCalled });
        expect(await store.exchange(exchange.id)).toMatchObject({ toolsDeclared, toolsCalled });
      }
    });

    it('never takes a piece that a commit in the middle of the deletion refers to', async () => {
      const pieces = Array.from({ length: 900 }, (_, n) => chunk(`piece number ${n} of many`));
      const items = Array.from({ length: 300 }, (_, n) =>
        exchangeToStore(n, { request: pieces.slice(n * 3, n * 3 + 3), facts: { sessionId: 'old' } }),
      );
      await commit(...items);
      const other = await place.open('reader');
      const deleting = other.delete({ sessionId: 'old' });
      const kept: ExchangeToStore[] = [];
      for (let n = 0; n < 40; n += 1) {
        kept.push(exchangeToStore(1_000 + n, { request: [pieces[n * 20]!, literal('|'), pieces[899 - n]!] }));
        await untilStored(kept.at(-1)!);
      }
      await deleting;
      for (const item of kept) expect(await bodyOf(item.exchange.id)).toEqual(bytesOf(item.request.pieces));
      expect((await verified(store)).at(-1)).toMatchObject({ kind: 'totals', exchanges: 40, damaged: 0 });
    });

    it('keeps a piece that another one was stored as a difference to', async () => {
      const text =
        'words of a message that are long enough to be worth a difference '.repeat(8) +
        seededRandom(5).hex(900);
      const before = chunk('what stands before the message, the same in both requests');
      const marked = chunk(`{"text":"${text}","cache_control":{"type":"ephemeral"}}`);
      const plain = chunk(`{"text":"${text}"}`);
      await commit(exchangeToStore(1, { request: [before, marked], facts: { sessionId: 'first' } }));
      const item = exchangeToStore(2, { request: [before, plain] });
      await commit(item);
      await store.delete({ sessionId: 'first' });
      expect(await bodyOf(item.exchange.id)).toEqual(bytesOf(item.request.pieces));
      expect((await verified(store)).at(-1)).toMatchObject({ damaged: 0 });
      await store.delete({});
      expect(await verified(store)).toMatchObject([{ chunks: 0 }]);
    });
  });

  async function untilStored(item: ExchangeToStore): Promise<void> {
    for (;;) {
      try {
        await commit(item);
        return;
      } catch (error) {
        expect(error).toMatchObject({ code: 'busy' });
      }
    }
  }

  async function storedAndRead(item: ExchangeToStore) {
    await commit(item);
    const read = await store.exchange(item.exchange.id);
    expect(read).toBeDefined();
    return read!;
  }

  async function bodyOf(id: ExchangeId, side: BodySide = 'request'): Promise<Buffer> {
    const pieces: Uint8Array[] = [];
    for await (const piece of (await store.body(id, side))!) pieces.push(piece);
    return Buffer.concat(pieces);
  }
}

async function verified(store: Store): Promise<VerifyProgress[]> {
  const progress: VerifyProgress[] = [];
  for await (const step of store.verify()) progress.push(step);
  return progress;
}

const inside = ({ receivedAtMs }: Exchange) =>
  receivedAtMs >= 1_700_000_000_010 && receivedAtMs < 1_700_000_000_020;

const matchesAll = (exchange: Exchange) =>
  (exchange.askedModel ?? '').toLowerCase().includes('o') &&
  exchange.provider === 'anthropic' &&
  exchange.path === '/v1/messages' &&
  exchange.receivedAtMs >= 1_700_000_000_003;

// None of them is part of another one, so each finds only itself.
const hostileTexts = [
  `' OR '1'='1`,
  `'; DROP TABLE exchanges; --`,
  `" UNION SELECT * FROM chunks --`,
  `%' ESCAPE '\\' OR 1=1 --`,
  `_______________________________`,
  `%%%`,
  `\\d+\\`,
  `*) OR MATCH "`,
  `a\u0000b`,
  `ünï\u202ecode 🦊`,
  `\u001b[31mred`,
  `NULL`,
  `1e309`,
  `{"$gt":""}`,
  'x'.repeat(20_000),
];

function generatedExchange(random: SeededRandom, number: number): ExchangeToStore {
  return exchangeToStore(number, { request: generatedBody(random), response: generatedBody(random) });
}

/** JSON or binary, cut anywhere; some pieces are the same in many bodies. */
function generatedBody(random: SeededRandom): BodyPiece[] {
  const bytes =
    random.next() < 0.7 ? Buffer.from(generatedJson(random)) : random.bytes(random.integer(0, 1_200));
  const pieces: BodyPiece[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = Math.min(bytes.length, at + random.integer(1, random.pick([9, 300, 900])));
    pieces.push(random.next() < 0.5 ? chunk(bytes.subarray(at, end)) : literal(bytes.subarray(at, end)));
    at = end;
  }
  if (random.next() < 0.3) pieces.push(chunk(`shared ${random.integer(0, 5)}`));
  return pieces;
}

function generatedJson(random: SeededRandom): string {
  const messages = Array.from({ length: random.integer(0, 9) }, () => ({
    role: random.pick(['user', 'assistant']),
    content: random
      .pick(['größe ✓', 'a "quoted" line\n', '\ud83e\udd8a', 'plain words again and again '])
      .repeat(random.integer(1, 5)),
  }));
  return JSON.stringify({ model: 'claude-fake', messages, n: random.next() });
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
