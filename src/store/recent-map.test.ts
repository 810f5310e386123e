import { describe, expect, it } from 'vitest';
import { RecentMap } from './recent-map.ts';

describe('a map of what was used last', () => {
  it('keeps what is used and forgets what is not', () => {
    const map = new RecentMap<number, string>(100);
    map.set(-1, 'kept');
    map.set(-2, 'forgotten');
    for (let n = 0; n < 1_000; n += 1) {
      map.set(n, `${n}`);
      expect(map.get(-1)).toBe('kept');
    }
    expect(map.get(-2)).toBeUndefined();
    expect(map.get(999)).toBe('999');
    expect(map.get(900)).toBe('900');
    expect(map.get(500)).toBeUndefined();
    map.clear();
    expect(map.get(-1)).toBeUndefined();
  });
});
