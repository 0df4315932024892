// The patch encoder against golden vectors that another program computed, and against what it promises of size and limit.
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { patchVectors } from '../../../test/support/patch-vectors.ts';
import { seededUniform } from '../../../test/support/seeded-random.ts';
import { encodePatch } from './patch.ts';

const hex = (bytes: Uint8Array | null): string | null => bytes && Buffer.from(bytes).toString('hex');

describe('encodePatch', () => {
  it.each(patchVectors.accepts.filter((v) => v.canonical))('writes $name', ({ base, stream, image }) => {
    expect(hex(encodePatch(base, image, stream.length))).toBe(hex(stream));
  });

  it('gives null for equal images, for images of two lengths, and above the limit', () => {
    const base = new Uint8Array(100);
    const image = base.slice().fill(7, 10, 30);
    const whole = encodePatch(base, image, 100);
    expect(whole).toHaveLength(22);
    expect(hex(encodePatch(base, image, 22))).toBe(hex(whole));
    expect(encodePatch(base, image, 21)).toBeNull();
    expect(encodePatch(base, image, 0)).toBeNull();
    expect(encodePatch(base, base.slice(), 100)).toBeNull();
    expect(encodePatch(base.subarray(1), image, 100)).toBeNull();
  });

  it('needs less than 34 kB for one code in a hundred of the 839,160 couplings of 1,296 units', () => {
    const uniform = seededUniform(4);
    const base = Uint8Array.from({ length: 128 + 3 * 1944 + 1_258_740 }, () => uniform() * 256);
    const image = base.slice();
    const codes = new Set<number>();
    while (codes.size < 8_391) codes.add(Math.floor(uniform() * 839_160));
    for (const code of codes) setCode(image, 128 + 3 * 1944, code, Math.floor(uniform() * 4096));
    const patch = encodePatch(base, image, image.length);
    expect(patch?.length).toBeLessThan(34_000);
    expect(createHash('sha256').update(image).digest('hex')).not.toBe(
      createHash('sha256').update(base).digest('hex'),
    );
  });
});

/** Two codes are three bytes, the first one in the lowest 12 bits. */
function setCode(image: Uint8Array, block: number, index: number, value: number): void {
  const at = block + 3 * Math.floor(index / 2);
  const pair = image[at] | (image[at + 1] << 8) | (image[at + 2] << 16);
  const shift = 12 * (index % 2);
  const changed = (pair & ~(0xfff << shift)) | (value << shift);
  for (let k = 0; k < 3; k += 1) image[at + k] = (changed >>> (8 * k)) & 0xff;
}
