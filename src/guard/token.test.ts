import { describe, expect, it } from 'vitest';
import { tokenFrom, tokenMatches } from './token.ts';

const token = 'a1b2c3d4'.repeat(8);

describe('the token', () => {
  it('SEC-04: matches itself and nothing else', () => {
    expect(tokenMatches(token, token)).toBe(true);
    for (const wrong of [
      undefined,
      '',
      token.slice(1),
      `${token} `,
      token.toUpperCase(),
      `${token}\0`,
      'x'.repeat(1e6),
    ]) {
      expect(tokenMatches(wrong, token)).toBe(false);
    }
  });

  it('SEC-04: matches nothing when none is configured', () => {
    for (const given of [undefined, '', 'x']) expect(tokenMatches(given, '')).toBe(false);
  });

  it('is taken from its own header, and from Authorization and the cookie where those are ours', () => {
    const cookie = ['Cookie', 'theme=dark; throughline_token=from-cookie; other=1'];
    const bearer = ['authorization', 'bearer from-bearer'];
    const header = ['X-Throughline-Token', 'from-header'];
    expect(tokenFrom([...cookie, ...bearer, ...header], 'api')).toBe('from-header');
    expect(tokenFrom([...cookie, ...bearer], 'api')).toBe('from-bearer');
    expect(tokenFrom(cookie, 'api')).toBe('from-cookie');
    expect(tokenFrom([], 'api')).toBeUndefined();
  });

  it('is never taken from a credential that is meant for the provider', () => {
    expect(
      tokenFrom(['Authorization', `Bearer ${token}`, 'Cookie', `throughline_token=${token}`], 'v1'),
    ).toBeUndefined();
    expect(tokenFrom(['x-throughline-token', token], 'v1')).toBe(token);
  });

  it('is not found in cookies that only look like it', () => {
    const cookie = 'xthroughline_token=a; throughline_token_old=b; throughline_token';
    expect(tokenFrom(['Cookie', cookie], 'api')).toBe('');
    expect(tokenFrom(['Cookie', 'a="throughline_token=x"'], 'api')).toBeUndefined();
    expect(tokenFrom(['Authorization', 'Basic abc'], 'api')).toBeUndefined();
  });
});
