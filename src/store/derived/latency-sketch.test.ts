import { describe, expect, it } from 'vitest';
import { seededRandom } from '#test-support';
import { LatencySketch } from './latency-sketch.ts';

const random = seededRandom(7);
/** Times from one microsecond to an hour, most of them short. */
const values = Array.from({ length: 5_000 }, () => Math.round(Math.exp(random.next() * 22)) + 1);
const shares = [0, 0.01, 0.25, 0.5, 0.9, 0.95, 0.99, 0.999, 1];

function sketchOf(numbers: readonly number[]): LatencySketch {
  const sketch = new LatencySketch();
  for (const number of numbers) sketch.add(number);
  return sketch;
}

function exactQuantile(numbers: readonly number[], share: number): number {
  const sorted = [...numbers].sort((one, other) => one - other);
  return sorted[Math.max(1, Math.ceil(share * sorted.length)) - 1]!;
}

describe('a latency sketch', () => {
  it('is at most 1 % off the true quantile, whatever the values', () => {
    const sketch = sketchOf(values);
    for (const share of shares) {
      const exact = exactQuantile(values, share);
      expect(Math.abs(sketch.quantile(share)! - exact) / exact).toBeLessThanOrEqual(0.01);
    }
    expect(sketchOf([1]).quantile(0.5)).toBeCloseTo(1, 1);
    expect(sketchOf([3_600_000_000]).quantile(0.5)! / 3_600_000_000).toBeCloseTo(1, 1);
  });

  it('of two parts is the sketch of the whole', () => {
    const merged = new LatencySketch();
    merged.addEncoded(sketchOf(values.slice(0, 1_000)).encode());
    merged.addEncoded(sketchOf(values.slice(1_000)).encode());
    expect(merged.encode()).toEqual(sketchOf(values).encode());
    expect(merged.count).toBe(values.length);
  });

  it('gives a value back as if it had never been there', () => {
    const sketch = sketchOf(values);
    for (const value of values.slice(10)) sketch.add(value, -1);
    expect(sketch.encode()).toEqual(sketchOf(values.slice(0, 10)).encode());
  });

  it('has no quantiles without values, and refuses damaged bytes', () => {
    expect(new LatencySketch().quantile(0.5)).toBeUndefined();
    expect(() => new LatencySketch().addEncoded(Buffer.from([0x85]))).toThrow(RangeError);
  });
});
