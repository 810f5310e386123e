import { describe, expect, it } from 'vitest';
import type { AccessConfig } from '#core-config';
import { createGuard, type GuardedRequest } from './guard.ts';
import type { PeerVerdict } from './peer-user.ts';

const token = 'ab12'.repeat(16);
const open: AccessConfig = {
  allowedHosts: [],
  allowedOrigins: [],
  tokenRequired: false,
  token,
  checkPeerUser: true,
};

function request(...headers: string[]): GuardedRequest {
  return { method: 'GET', rawHeaders: ['Host', 'localhost:3000', ...headers], socket: {} };
}

function guard(verdict: PeerVerdict, changes: Partial<AccessConfig> = {}) {
  return createGuard({ ...open, ...changes }, [3000], { peerCheck: { judge: () => verdict } });
}

describe('the guard', () => {
  it('lets our own user in without a token, at once', () => {
    expect(guard('own').judge(request(), 'v1')).toBeUndefined();
    expect(guard('own').judge(request(), 'api')).toBeUndefined();
  });

  it('SEC-06: refuses another user unless he knows the token', () => {
    for (const area of ['v1', 'api'] as const) {
      expect(guard('foreign').judge(request(), area)).toEqual({ code: 'foreign-user' });
      expect(guard('foreign').judge(request('x-throughline-token', token), area)).toBeUndefined();
      expect(guard('foreign').judge(request('x-throughline-token', 'wrong'), area)).toEqual({
        code: 'foreign-user',
      });
    }
  });

  it('asks for the token on the API where nobody can tell the user', () => {
    expect(guard('unsupported').judge(request(), 'api')).toEqual({ code: 'token-required' });
    expect(guard('unsupported').judge(request('authorization', `Bearer ${token}`), 'api')).toBeUndefined();
    expect(guard('unsupported').judge(request(), 'v1')).toBeUndefined();
    expect(guard('unsupported', { checkPeerUser: false }).judge(request(), 'api')).toBeUndefined();
  });

  it('SEC-06: asks for the token when a front asks it to, whoever that front is', () => {
    const asked = ['X-Throughline-Ask-Token', '1'];
    expect(guard('own').judge(request(...asked), 'api')).toEqual({ code: 'token-required' });
    const unchecked = guard('own', { checkPeerUser: false });
    expect(unchecked.judge(request(...asked), 'api')).toEqual({ code: 'token-required' });
    expect(guard('own').judge(request(...asked, 'x-throughline-token', token), 'api')).toBeUndefined();
  });

  it('SEC-04: asks everybody for the token when it is required', () => {
    const strict = guard('own', { tokenRequired: true });
    expect(strict.judge(request(), 'v1')).toEqual({ code: 'token-required' });
    expect(strict.judge(request('x-throughline-token', 'wrong'), 'v1')).toEqual({ code: 'token-required' });
    expect(strict.judge(request('x-throughline-token', token), 'v1')).toBeUndefined();
    const keyless = guard('own', { tokenRequired: true, token: '' });
    expect(keyless.judge(request('x-throughline-token', ''), 'api')).toEqual({ code: 'token-required' });
  });

  it('SEC-01, SEC-02: a token does not excuse a foreign Host or Origin', () => {
    const withToken = ['x-throughline-token', token];
    const rebound: GuardedRequest = {
      method: 'GET',
      rawHeaders: ['Host', 'evil.com', ...withToken],
      socket: {},
    };
    expect(guard('own').judge(rebound, 'api')).toMatchObject({ code: 'bad-host' });
    const page = request('Origin', 'https://evil.com', ...withToken);
    expect(guard('own').judge(page, 'v1')).toMatchObject({ code: 'foreign-origin' });
  });

  it('waits only while the user of a new connection is looked up', async () => {
    const late = createGuard(open, [3000], {
      peerCheck: { judge: () => Promise.resolve<PeerVerdict>('foreign') },
    });
    const verdict = late.judge(request(), 'v1');
    expect(verdict).toBeInstanceOf(Promise);
    expect(await verdict).toEqual({ code: 'foreign-user' });
    expect(late.judge(request('x-throughline-token', token), 'v1')).toBeUndefined();
  });
});
