// The patch decoder against golden vectors, and against the host's encoder, which was written apart from it.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodePatch } from '../../../src/link/transfers/patch.ts';
import { patchVectors } from '../../../test/support/patch-vectors.ts';
import { applyPatch } from './patch.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

describe('applyPatch', () => {
  it.each(patchVectors.accepts)('takes $name', ({ base, stream, image }) => {
    const memory = base.slice();
    expect(applyPatch(memory, stream)).toBeNull();
    expect(hex(memory)).toBe(hex(image));
  });

  it.each(patchVectors.rejects)('refuses $name', ({ base, stream, reason }) => {
    expect(applyPatch(base.slice(), stream)).toBe(reason);
  });

  it('gives the image for any base and any image of its length', () => {
    const bytes = fc.uint8Array({ minLength: 1, maxLength: 600 });
    const edits = fc.array(fc.tuple(fc.nat(5_000), fc.uint8Array({ minLength: 1, maxLength: 140 })), {
      maxLength: 20,
    });
    const base = fc.oneof(bytes, fc.constant(new Uint8Array(5_000)));
    fc.assert(
      fc.property(base, edits, fc.nat(3), (before, changes, shift) => {
        // Images lie at any address.
        const image = new Uint8Array(before.length + shift).subarray(shift);
        image.set(before);
        for (const [at, data] of changes) {
          const from = at % image.length;
          image.set(data.subarray(0, image.length - from), from);
        }
        const stream = encodePatch(before, image, 3 * image.length + 10);
        const memory = before.slice();
        if (stream !== null) expect(applyPatch(memory, stream)).toBeNull();
        expect(hex(memory)).toBe(hex(image)); // equal images need no patch and get none
        expect(stream === null).toBe(hex(image) === hex(before));
      }),
      { seed: 7, numRuns: 500 },
    );
  });

  it('never writes outside the image nor throws, whatever the stream', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (stream) => {
        const around = new Uint8Array(96);
        applyPatch(around.subarray(16, 80), stream);
        expect(around.subarray(0, 16).some((b) => b !== 0)).toBe(false);
        expect(around.subarray(80).some((b) => b !== 0)).toBe(false);
      }),
      { seed: 8, numRuns: 2_000 },
    );
  });
});
