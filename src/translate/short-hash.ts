/**
 * Eleven characters `0-9a-z` that differ for different texts, 53 bits of them: enough to tell a few thousand names
 * apart, no defence against anybody. Two 32-bit multiply-and-shift lanes, mixed at the end.
 */
export function shortHash(text: string): string {
  let a = 0xdeadbeef;
  let b = 0x41c6ce57;
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    a = Math.imul(a ^ unit, 0x9e3779b1);
    b = Math.imul(b ^ unit, 0x5f356495);
  }
  a = Math.imul(a ^ (a >>> 16), 0x85ebca6b) ^ Math.imul(b ^ (b >>> 13), 0xc2b2ae35);
  b = Math.imul(b ^ (b >>> 16), 0x85ebca6b) ^ Math.imul(a ^ (a >>> 13), 0xc2b2ae35);
  const bits = (b & 0x1fffff) * 0x1_0000_0000 + (a >>> 0);
  return bits.toString(36).padStart(11, '0');
}
