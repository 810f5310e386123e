import { describe, expect, it } from 'vitest';
import { nearestName } from './nearest-name.ts';

describe('the nearest name', () => {
  const known = ['base_url', 'api_key', 'format', 'port', 'host'];

  it('is found behind typing mistakes, other separators and other case', () => {
    expect(nearestName('base_uri', known)).toBe('base_url');
    expect(nearestName('baseurl', known)).toBe('base_url');
    expect(nearestName('API-Key', known)).toBe('api_key');
    expect(nearestName('prot', known)).toBe('port');
  });

  it('is not guessed when nothing is close', () => {
    expect(nearestName('temperature', known)).toBeUndefined();
    expect(nearestName('', known)).toBeUndefined();
  });
});
