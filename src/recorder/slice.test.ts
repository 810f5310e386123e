import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sliceJson } from '#formats';
import type { SlicedBody } from '#store';
import { agentTraffic } from '#test-support';
import { createElementHashes } from './element-hashes.ts';
import { sliceOpaque, sliceRequest } from './slice.ts';

const keys = new Set(['system', 'tools', 'messages']);

function join({ pieces }: SlicedBody): Buffer {
  return Buffer.concat(pieces.map(({ bytes }) => bytes));
}

function expectHonest(body: SlicedBody): void {
  for (const piece of body.pieces) {
    expect(piece.bytes.length).toBeGreaterThan(0);
    expect(piece.bytes.length).toBeLessThanOrEqual(256 * 1024);
    if (piece.kind === 'literal') continue;
    expect(Buffer.from(piece.sha256)).toEqual(createHash('sha256').update(piece.bytes).digest());
  }
}

describe('cutting bodies', () => {
  it('gives the exact bytes back for generated documents', () => {
    const long = fc.string({ minLength: 50, maxLength: 200 });
    const messages = fc.array(fc.oneof(long, fc.dictionary(fc.string(), fc.oneof(long, fc.jsonValue()))));
    const hashes = createElementHashes({ bytesMax: 1_000_000, forget: () => undefined });
    fc.assert(
      fc.property(
        messages,
        messages,
        fc.constantFrom(undefined, 2),
        fc.nat(3),
        (first, second, space, conversation) => {
          const bytes = Buffer.from(
            JSON.stringify({ model: 'm', messages: first, tools: second }, null, space),
          );
          const { known, hash, end } = hashes.of(`c${conversation}`, bytes);
          const body = sliceRequest(bytes, sliceJson(bytes, keys, { known }), hash);
          end();
          expect(join(body)).toEqual(bytes);
          expectHonest(body);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('gives the exact bytes back for anything that is no JSON', () => {
    for (const length of [0, 1, 65_536, 65_537, 700_000]) {
      const bytes = Buffer.alloc(length, 'abc');
      expect(join(sliceOpaque(bytes))).toEqual(bytes);
      expectHonest(sliceOpaque(bytes));
    }
  });

  it('cuts a turn of an agent so that nearly all of it was in the turn before', () => {
    const hashes = createElementHashes({ bytesMax: 64 * 1024 * 1024, forget: () => undefined });
    const seen = new Set<string>();
    let [raw, fresh] = [0, 0];
    for (const request of agentTraffic({ turns: 20, subagentEvery: 0 })) {
      const { known, hash, end } = hashes.of('session', request.body);
      const body = sliceRequest(request.body, sliceJson(request.body, keys, { known }), hash);
      end();
      expect(join(body)).toEqual(request.body);
      expectHonest(body);
      raw += request.body.length;
      for (const piece of body.pieces) {
        const name = piece.kind === 'chunk' ? Buffer.from(piece.sha256).toString('hex') : undefined;
        if (name === undefined || !seen.has(name)) fresh += piece.bytes.length;
        if (name !== undefined) seen.add(name);
      }
    }
    expect(fresh).toBeLessThan(raw / 5);
  });

  it('remembers no more than it may, and gives back every body once', () => {
    const forgotten: Buffer[] = [];
    const hashes = createElementHashes({ bytesMax: 1_000, forget: (body) => forgotten.push(body) });
    const ask = (conversation: string | undefined, body: Buffer): void => {
      const { hash, end } = hashes.of(conversation, body);
      hash('messages', 0, body);
      end();
    };
    const known = (conversation: string) => hashes.of(conversation, Buffer.alloc(0)).known('messages', 0);
    const bodies = Array.from({ length: 100 }, (_, n) => Buffer.alloc(400, `${n}`));
    for (const [n, body] of bodies.entries()) ask(`c${n % 50}`, body);
    expect(bodies.filter((_, n) => known(`c${n}`)).length).toBeLessThanOrEqual(2);
    expect(forgotten).toEqual(bodies.slice(0, 98));
    ask('large', Buffer.alloc(5_000));
    expect(known('large')).toBeUndefined();
    ask(undefined, Buffer.alloc(10));
    expect(new Set(forgotten).size).toBe(102);
  });
});
