const polynomial = 0xedb88320;

/**
 * CRC-32 of two texts in a row, from the CRC-32 of each: some 100 ns whatever their size, where the checksum of
 * 64 KiB takes 25 µs. So the bytes of a body are read once for the checksum of the body and for that of the frame.
 * @param secondBytes length of the second text, below 2 GiB
 */
export function combineCrc32(first: number, second: number, secondBytes: number): number {
  return (multiply(shiftBy(secondBytes), first) ^ second) >>> 0;
}

let knownBytes = 0;
let knownShift = 1 << 31;

/** x to the power of 8 × bytes: what as many zero bytes do to a checksum. Pieces mostly have the same length. */
function shiftBy(bytes: number): number {
  if (bytes === knownBytes) return knownShift;
  let shift = 1 << 31;
  for (let rest = bytes, k = 3; rest > 0; rest >>>= 1, k += 1) {
    if ((rest & 1) === 1) shift = multiply(squares[k & 31]!, shift);
  }
  knownBytes = bytes;
  knownShift = shift;
  return shift;
}

/** Product of two polynomials over GF(2) modulo that of CRC-32, highest power in the lowest bit. `a` is not 0. */
function multiply(a: number, b: number): number {
  let product = 0;
  for (let bit = 1 << 31; bit !== 0; bit >>>= 1) {
    if ((a & bit) !== 0) product ^= b;
    b = (b & 1) === 1 ? (b >>> 1) ^ polynomial : b >>> 1;
  }
  return product;
}

/** x, x², x⁴, x⁸ … */
const squares = new Int32Array(32);
squares[0] = 1 << 30;
for (let k = 1; k < 32; k += 1) squares[k] = multiply(squares[k - 1]!, squares[k - 1]!);
