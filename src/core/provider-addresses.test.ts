import type { LookupAddress } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { describe, expect, it } from 'vitest';
import { createProviderAddresses, type ProviderAddresses } from './provider-addresses.ts';

const v6 = { address: '2001:db8::1', family: 6 };
const v4 = { address: '192.0.2.1', family: 4 };
const other = { address: '192.0.2.2', family: 4 };

/** A system that answers when the test wants it to. */
function slowSystem() {
  const questions: Parameters<LookupFunction>[2][] = [];
  const lookup: LookupFunction = (_name, _options, callback) => questions.push(callback);
  return { questions, lookup };
}

function ask(addresses: ProviderAddresses): Promise<string | LookupAddress[]> {
  return new Promise((resolve, reject) => {
    addresses.lookup('provider.example', { all: true }, (error, found) =>
      error === null ? resolve(found) : reject(error),
    );
  });
}

describe('the addresses of a provider', () => {
  it('STR-18: are asked for once by all connections that wait for them', async () => {
    const { questions, lookup } = slowSystem();
    const addresses = createProviderAddresses(lookup);
    const waiting = Array.from({ length: 100 }, () => ask(addresses));
    expect(questions).toHaveLength(1);
    questions[0]!(null, [v4]);
    for (const found of await Promise.all(waiting)) expect(found).toEqual([v4]);
  });

  it('STR-18: are asked for anew by every connection that comes later', async () => {
    const { questions, lookup } = slowSystem();
    const addresses = createProviderAddresses(lookup);
    const first = ask(addresses);
    questions[0]!(Object.assign(new Error('no such name'), { code: 'ENOTFOUND' }), []);
    await expect(first).rejects.toMatchObject({ code: 'ENOTFOUND' });
    const second = ask(addresses);
    questions[1]!(null, [other]);
    expect(await second).toEqual([other]);
  });

  it('begin with the one that worked last, as long as the name has it', async () => {
    let answer = [v6, v4, other];
    const addresses = createProviderAddresses((_name, _options, callback) => callback(null, answer));
    expect(await ask(addresses)).toEqual([v6, v4, other]);
    addresses.worked(other.address);
    expect(await ask(addresses)).toEqual([other, v6, v4]);
    answer = [v6, v4];
    expect(await ask(addresses)).toEqual([v6, v4]);
  });

  it('are given as they come when only one was asked for', () => {
    const addresses = createProviderAddresses((_name, _options, callback) =>
      callback(null, v4.address, v4.family),
    );
    let given: readonly unknown[] = [];
    addresses.lookup('provider.example', {}, (...all) => {
      given = all;
    });
    expect(given).toEqual([null, v4.address, 4]);
  });
});
