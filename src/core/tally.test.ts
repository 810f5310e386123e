import { crc32 } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { Tally } from './tally.ts';

describe('Tally', () => {
  it('has the checksum of everything that was counted, at both ends', () => {
    const received = new Tally();
    const sent = new Tally();
    for (const piece of ['one', '', 'two', 'three'].map((text) => Buffer.from(text))) {
      received.add(piece);
      sent.addSent(piece, received);
    }
    expect(received.snapshot()).toEqual({ bytes: 11, crc32: crc32('onetwothree') });
    expect(sent.snapshot()).toEqual(received.snapshot());
  });

  it('differs when the ends saw different bytes', () => {
    const received = new Tally();
    const sent = new Tally();
    received.add(Buffer.from('lost'));
    received.add(Buffer.from('kept'));
    sent.addSent(Buffer.from('kept'), received);
    expect(sent.snapshot()).toEqual({ bytes: 4, crc32: crc32('kept') });
  });

  it('counts on correctly after the ends differed', () => {
    const received = new Tally();
    const sent = new Tally();
    received.add(Buffer.from('a'));
    for (const piece of [Buffer.from('b'), Buffer.from('c')]) {
      received.add(piece);
      sent.addSent(piece, received);
    }
    expect(sent.crc32).toBe(crc32('bc'));
  });
});
